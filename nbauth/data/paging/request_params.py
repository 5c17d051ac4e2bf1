"""Sets parameters in a URL's query or in a JSON body, and leaves the others unchanged."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote_plus, urlsplit, urlunsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["folded", "get_int", "in_body", "set_in_body", "set_in_query", "without_in_query"]


@lru_cache(maxsize=4096)
def folded(name: str) -> str:
    """Return a name in small letters, without signs between its words."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def set_in_query(url: str, values: Mapping[str, Any]) -> str:
    """Return the URL with these parameters instead of any of the same names."""
    parts = urlsplit(url)
    kept = [item for item in parts.query.split("&") if item and unquote_plus(item.partition("=")[0]) not in values]
    # `$` stays as OData's documentation writes it.
    given = [f"{quote(name, safe='$')}={quote(str(value), safe='')}" for name, value in values.items()]
    return urlunsplit(parts._replace(query="&".join(kept + given)))


def without_in_query(url: str, is_out: Callable[[str], bool]) -> str:
    """Return the URL without the parameters of these names."""
    parts = urlsplit(url)
    kept = [item for item in parts.query.split("&") if item and not is_out(unquote_plus(item.partition("=")[0]))]
    return urlunsplit(parts._replace(query="&".join(kept)))


def get_int(url: str, name: str) -> int | None:
    """Return a parameter that is a whole number."""
    for item in urlsplit(url).query.split("&"):
        key, _, value = item.partition("=")
        if unquote_plus(key) == name and value.isdecimal():
            return int(value)
    return None


def set_in_body(body: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON object with these members; a name with dots leads into members."""
    copy: dict[str, Any] = dict(body) if isinstance(body, dict) else {}
    for name, value in values.items():
        first, dot, rest = name.partition(".")
        copy[first] = set_in_body(copy.get(first), {rest: value}) if dot else value
    return copy


def in_body(body: Any, name: str) -> int | None:
    """Return a member that is a whole number."""
    for part in name.split("."):
        body = body.get(part) if isinstance(body, dict) else None
    return body if type(body) is int else None
