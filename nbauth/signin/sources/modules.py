"""Modules that a notebook service brings: looked for, but not where they may have come with the notebook's folder.

That folder is the first place where Python looks. A module of it that a cell imports is the cell's to run; one that
nbauth looks for would run without anybody's word.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from nbauth.files.tree import is_in_tree

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec

__all__ = ["is_of_notebook", "is_there"]


def is_there(*names: str) -> bool:
    """Tell whether modules can be imported, and none of them is the notebook's own.

    Args:
        names: a package comes before what is in it, because whoever looks into a package has imported it.
    """
    return all(name in sys.modules or ((spec := find_spec(name)) is not None and not _is_own(spec)) for name in names)


def is_of_notebook(name: str) -> bool:
    """Tell whether an import would run a module of the notebook's folder that nothing has imported yet."""
    return name not in sys.modules and (spec := find_spec(name)) is not None and _is_own(spec)


def _is_own(spec: ModuleSpec) -> bool:
    places = [*(spec.submodule_search_locations or ()), *([spec.origin] if spec.has_location and spec.origin else [])]
    # The environment that runs this may lie in the notebook's folder.
    ours = {sys.prefix, sys.base_prefix}
    return any(is_in_tree(place) and not any(map(Path(place).is_relative_to, ours)) for place in places)
