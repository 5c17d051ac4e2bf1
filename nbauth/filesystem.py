"""The old address of `nbauth.adapters.fsspec`: pickles and entry points of installed versions name it."""

from __future__ import annotations

from nbauth.adapters.fsspec import PROTOCOLS, FileSystem

__all__ = ["PROTOCOLS", "FileSystem"]
