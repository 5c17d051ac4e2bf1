"""The registry of the styles of paging. A new one is a file beside this one and a line in `Named`."""

from __future__ import annotations

import importlib
from dataclasses import asdict
from typing import Any, Literal, get_args

from nbauth.data.paging.styles.function import ByFunction, Function
from nbauth.data.paging.styles.style import Style
from nbauth.errors import ConfigError

__all__ = ["STYLES", "Named", "Paging", "style_from_json", "style_of", "style_to_json"]

# The registry. Each is what callers say, what a checkpoint notes, and the name of a module beside this one, whose
# ``STYLE`` is the class. Where one sign shows two styles, the first one here counts.
Named = Literal[
    "auto",
    "none",
    "odata",
    "link",
    "next",
    "cursor",
    "offset",
    "page",
    "search_after",
    "parts",
    "range",
    "fetchxml",
    "last_row",
]
Paging = Named | Style | Function
STYLES: dict[str, type[Style]] = {
    name: importlib.import_module(f"{__package__}.{name}").STYLE for name in get_args(Named)
}  # fmt: skip


def style_of(paging: Paging) -> Style:
    """Return the style that a caller means.

    Raises:
        ConfigError: it is no style.
    """
    if isinstance(paging, str):
        if paging in STYLES:
            return STYLES[paging]()
    elif isinstance(paging, Style):
        if _name_of(paging) is not None or isinstance(paging, ByFunction):
            paging.check()
            return paging
    elif callable(paging):
        return ByFunction(paging)
    raise ConfigError(
        f"paging: expected one of {', '.join(STYLES)}, a style of nbauth.data.paging or a function, found {paging!r}."
    )


def style_to_json(style: Style) -> dict[str, Any] | None:
    """Return a style as JSON: its name and its parameters. None for a function, which JSON cannot hold."""
    name = _name_of(style)
    return None if name is None else {"name": name, "parameters": asdict(style)}


def style_from_json(content: dict[str, Any] | None) -> Style | None:
    """Return the style that JSON holds.

    Raises:
        KeyError, TypeError: it is none that is known.
    """
    return None if content is None else STYLES[content["name"]](**content["parameters"])


def _name_of(style: Style) -> str | None:
    return next((name for name, kind in STYLES.items() if kind is type(style)), None)
