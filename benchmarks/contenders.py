"""What ways to bring the same rows have in common; the ways are in the files whose names begin with `by_`.

Each is a function. It gets where the data is, imports and prepares what is not measured, and returns the load, which
can be called again. A load returns the frame, or a function that makes it, outside the measure.
"""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TOKEN = "t" * 1200  # about as long as Entra's
HEADERS = {"Authorization": f"Bearer {TOKEN}"}


@dataclass(frozen=True)
class Place:
    """Where the data is: its URL, or one with `{number}` for each of so many."""

    url: str
    several: int = 0

    @property
    def urls(self) -> list[str]:
        return [self.url.format(number=number) for number in range(self.several)]

    @property
    def for_nbauth(self) -> str | list[str]:
        return self.urls if self.several else self.url


Load = Callable[[], Any]
Contender = Callable[[Place], Load]


def target(name: str) -> Path:
    return Path(tempfile.mkdtemp(prefix="nbauth-benchmark-")) / name


def imports() -> None:
    """Import what pandas, pyarrow and Polars would import when they are used first, whoever is measured."""
    import importlib

    for name in ("pandas", "pyarrow.dataset", "pyarrow.pandas_compat", "pyarrow.parquet", "fsspec.core", "netrc"):
        importlib.import_module(name)
