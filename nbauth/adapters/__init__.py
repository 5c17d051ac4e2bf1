"""Other libraries with the kernel's sign-in. A new adapter is a file beside this one and a line in `ADAPTERS`."""

from __future__ import annotations

import importlib

from nbauth.process.shielded import load

__all__ = ["ADAPTERS"]

# The registry: each class, and the module beside this one that holds it. It is imported on first use (PEP 562), so that
# nothing but a library's own adapter needs the library.
ADAPTERS = {
    "FileSystem": "fsspec",
}


def __getattr__(name: str) -> object:
    if name not in ADAPTERS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = f"{__name__}.{ADAPTERS[name]}"
    load(module)
    return getattr(importlib.import_module(module), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *ADAPTERS})
