"""What a person saved in the demo's copy of the notebooks, kept when the demo ends."""

from __future__ import annotations

import filecmp
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["keep", "saved_in"]

_NAME = "nbauth-demo"


def saved_in(folder: Path, original: Path) -> list[Path]:
    """Return the files that are new or are not as they were, relative to the folder.

    What programs keep for themselves does not count: hidden files and folders, and Python's compiled modules.

    Args:
        folder: where a person worked.
        original: what it was a copy of.
    """
    files = (path.relative_to(folder) for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink())
    return [path for path in files if not _is_a_programs(path) and not _is_same(folder / path, original / path)]


def keep(folder: Path, files: Iterable[Path]) -> Path | None:
    """Copy files to a new folder in the working directory, or where that cannot be written, in the home directory.

    Args:
        folder: where they are.
        files: relative to it.

    Returns:
        The new folder; None where there are no files.
    """
    files = list(files)
    if not files:
        return None
    place = _new_folder()
    for path in files:
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(folder / path, place / path)
    return place


def _new_folder() -> Path:
    for parent in (Path.cwd(), Path("~").expanduser()):
        for number in range(1, 1000):
            place = parent / (_NAME if number == 1 else f"{_NAME}-{number}")
            try:
                place.mkdir()
            except FileExistsError:
                continue
            except OSError:  # it may not be written
                break
            return place
    return Path(tempfile.mkdtemp(prefix=f"{_NAME}-saved-"))


def _is_a_programs(path: Path) -> bool:
    return any(part.startswith(".") or part == "__pycache__" for part in path.parts)


def _is_same(path: Path, before: Path) -> bool:
    return before.is_file() and filecmp.cmp(path, before, shallow=False)
