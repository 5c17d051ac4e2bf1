"""The registry of the styles of paging: one line each."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Literal

from nbauth.data.paging.styles.cursor import Cursor
from nbauth.data.paging.styles.function import ByFunction, Function
from nbauth.data.paging.styles.next_links import Auto, LinkHeader, OData
from nbauth.data.paging.styles.next_url import NextUrl
from nbauth.data.paging.styles.offset import Offset
from nbauth.data.paging.styles.one_page import OnePage
from nbauth.data.paging.styles.page_number import PageNumber
from nbauth.data.paging.styles.style import Style
from nbauth.errors import ConfigError

__all__ = ["STYLES", "Named", "Paging", "style_from_note", "style_note", "style_of"]

# The name is what callers say, and what a checkpoint notes. Of two styles that one sign shows, the first one counts.
STYLES: dict[str, type[Style]] = {
    "auto": Auto,
    "none": OnePage,
    "odata": OData,
    "link": LinkHeader,
    "next": NextUrl,
    "cursor": Cursor,
    "offset": Offset,
    "page": PageNumber,
}
Named = Literal["auto", "none", "odata", "link", "next", "cursor", "offset", "page"]  # for type checkers
Paging = Named | Style | Function


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


def style_note(style: Style) -> dict[str, Any] | None:
    """Return a style as JSON: its name and its parameters. None for a function, which JSON cannot hold."""
    name = _name_of(style)
    return None if name is None else {"name": name, "parameters": asdict(style)}


def style_from_note(note: dict[str, Any] | None) -> Style | None:
    """Return the style that stands in a note.

    Raises:
        KeyError, TypeError: it is none that is known.
    """
    return None if note is None else STYLES[note["name"]](**note["parameters"])


def _name_of(style: Style) -> str | None:
    return next((name for name, kind in STYLES.items() if kind is type(style)), None)
