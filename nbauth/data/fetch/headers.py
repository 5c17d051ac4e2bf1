"""Request headers: which hold credentials, and which may go anywhere."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, MutableMapping

__all__ = ["carried_over", "has_cookie", "is_credential", "leave_harmless"]

# requests strips no more than Authorization on a redirect; Azure's and others' keys have names of their own.
_CREDENTIAL = re.compile(
    r"auth|cookie|token|secret|passw|credential|signature|session|csrf|xsrf|(^|[-_])(api)?[-_]?key([-_]|$)",
    re.IGNORECASE,
)
# A list of what may go, not of what may not: a key can stand in a header of any name.
_HARMLESS = frozenset(
    {
        "accept",
        "accept-charset",
        "accept-encoding",
        "accept-language",
        "cache-control",
        "connection",
        "if-match",
        "if-modified-since",
        "if-none-match",
        "if-range",
        "if-unmodified-since",
        "range",
        "user-agent",
    }
)


def is_credential(name: str) -> bool:
    """Tell whether a header of this name looks like one that holds a key, a token or a session."""
    return _CREDENTIAL.search(name) is not None


def has_cookie(*headers: Iterable[object]) -> bool:
    """Tell whether a caller wrote a ``Cookie`` among any of these headers, or names of headers."""
    return any(str(name).lower() == "cookie" for names in headers for name in names)


def leave_harmless(headers: MutableMapping[str, str]) -> None:
    """Take every header off that a stranger need not see."""
    for name in [n for n in headers if n.lower() not in _HARMLESS]:
        del headers[name]


def carried_over(headers: Mapping[str, str], *, same_origin: bool) -> dict[str, str]:
    """Return those of a caller's headers that a further page's request gets, too."""
    return {name: value for name, value in headers.items() if same_origin or not is_credential(name)}
