"""Other libraries with the kernel's sign-in. A new adapter is a file beside this one.

A class that others name by text, as fsspec does, has a line in `ADAPTERS`, too.
"""

from __future__ import annotations

import importlib
import importlib.util

from nbauth.process.shielded import load

__all__ = ["ADAPTERS"]

# Each class that is named by text, and the module beside this one that holds it. All modules here are imported on first
# use (PEP 562), so that nothing but a library's own adapter needs the library.
ADAPTERS = {
    "FileSystem": "fsspec",
}


def __getattr__(name: str) -> object:
    module = f"{__name__}.{ADAPTERS.get(name, name)}"
    if name.startswith("_") or importlib.util.find_spec(module) is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    load(module)
    adapter = importlib.import_module(module)
    return getattr(adapter, name) if name in ADAPTERS else adapter


def __dir__() -> list[str]:
    return sorted({*globals(), *ADAPTERS})
