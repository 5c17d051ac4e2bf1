"""Where a sign-in may be that is already there; a file for each. What a profile's `source` names is imported when used.

A source is asked afresh for each token, so that it renews and nothing of it is kept. Which one was taken, and whose
identity it is, is always said.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nbauth.signin.profile.source_names import SourceName
    from nbauth.signin.sources.source import Source

__all__ = ["find"]


def find(name: SourceName) -> Source:
    """Return the source of a name."""
    source: Source = import_module(f"nbauth.signin.sources.{name}").SOURCE
    return source
