"""Lists inside rows that are not whole: what ``$expand`` brings may have next links of its own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from nbauth.net.origins import redact_url

if TYPE_CHECKING:
    from nbauth.data.paging.page_response import PageResponse, Rows

__all__ = ["short_lists"]

_NEXT = "@odata.nextLink"
_LONGEST_NAME = 200


def short_lists(response: PageResponse, rows: Rows) -> str | None:
    """Return a sentence for the person where a list inside the rows goes on elsewhere; None if none does.

    The rows are looked through only where the request expands something, and then for these few letters alone.

    Args:
        response: the response.
        rows: its rows.
    """
    if "expand=" not in response.request.url.lower():
        return None
    name = _name_in(rows)
    if name is None:
        return None
    place = redact_url(response.request.url.partition("?")[0])
    return (
        f"{place}: the list {name} inside the rows is not whole: a link of its own leads on, {name}{_NEXT}. It was "
        f"taken as it is. Read each of these lists by its own address, or ask for more in it: $expand={name}($top=999)"
    )


def _name_in(rows: Rows) -> str | None:
    """Return the name of the first list inside rows that has a next link."""
    raw: Any = getattr(rows.node, "raw", None)
    if raw is None:
        return _name_in_value(rows.node.value())
    for found in re.finditer(re.escape(_NEXT.encode()) + rb'"\s*:\s*"', raw):
        before = bytes(raw[max(0, found.start() - _LONGEST_NAME) : found.start()])
        name = before.rpartition(b'"')[2].decode("utf-8", "replace")
        if name:
            return name
    return None


def _name_in_value(value: Any) -> str | None:
    if isinstance(value, list):
        return next((name for item in value if (name := _name_in_value(item)) is not None), None)
    if not isinstance(value, dict):
        return None
    own = next((name for name, link in value.items() if name.endswith(_NEXT) and link and name != _NEXT), None)
    return own.removesuffix(_NEXT) if own is not None else _name_in_value(list(value.values()))
