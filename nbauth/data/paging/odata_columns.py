"""The columns that an OData response has, also where it has no row."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

__all__ = ["selected_columns"]

_INSIDE = re.compile(r"\([^()]*\)")
_NAME = re.compile(r"[^\W\d][\w.]*")
_CONTEXT = re.compile(r"[^#]*#[^(#]*\((.*)\)(?:/\$delta)?")


def selected_columns(url: str, context: Any) -> list[str]:
    """Return the properties that ``$select`` asked for, or else that the context says were selected.

    See OData 4.01 URL Conventions §5.1.4, and JSON Format §10.9 for contexts such as ``…#Users(id,displayName)``. What
    is selected inside another property counts as that property; where everything is, nothing is known.

    Args:
        url: where the response came from.
        context: its ``@odata.context``; anything but text says nothing.
    """
    selected = parse_qs(urlsplit(url).query).get("$select")
    if selected:
        return _names(selected[0])
    of_context = _CONTEXT.fullmatch(context) if isinstance(context, str) else None
    return [] if of_context is None else _names(of_context[1])


def _names(text: str) -> list[str]:
    while (without := _INSIDE.sub("", text)) != text:
        text = without
    names = [name.strip().partition("/")[0].removesuffix("+") for name in text.split(",")]
    return list(dict.fromkeys(names)) if all(map(_NAME.fullmatch, names)) else []
