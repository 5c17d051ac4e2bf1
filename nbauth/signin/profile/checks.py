"""What the keys of a profile may hold: texts, lists, hosts, URLs, and the origins of APIs with their scopes.

Each check gets the key's name and value, and `wrong`, which makes an error of a key, a problem and the next step.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from nbauth.net.origins import api_origin_of, host_of, is_loopback, origin_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbauth.errors import ConfigError

__all__ = [
    "check_client_id",
    "check_host",
    "check_prompt",
    "check_url",
    "checked_apis",
    "checked_list",
    "checked_text",
    "is_name",
]

_NAME = re.compile(r"[A-Za-z0-9_.-]+")
# RFC 6749 appendix A.1 without the blank, which no provider gives out: "… at login.microsoftonline.com" could follow.
_CLIENT_ID = re.compile(r"[\x21-\x7e]{1,255}")
_PROMPTS = ("login", "select_account", "consent", "create", "none")


def is_name(text: str) -> bool:
    """Tell whether a profile may have a name."""
    return _NAME.fullmatch(text) is not None


def checked_text(key: str, value: object, wrong: Callable[..., ConfigError]) -> str:
    """Return a text that is not empty; a path is one, too."""
    if isinstance(value, Path):
        return str(value)
    if not isinstance(value, str) or not value.strip():
        raise wrong(key, f"expected a text that is not empty, found {value!r}")
    return value


def checked_list(key: str, value: object, wrong: Callable[..., ConfigError]) -> tuple[str, ...]:
    """Return a list of texts, none of them empty."""
    if isinstance(value, (list, tuple, set, frozenset)) and all(isinstance(i, str) and i.strip() for i in value):
        return tuple(value)
    raise wrong(key, f"expected a list of texts, found {value!r}")


def check_client_id(key: str, value: str, wrong: Callable[..., ConfigError]) -> None:
    """Make sure that an application's id could be one (RFC 6749 §2.2)."""
    if not _CLIENT_ID.fullmatch(value):
        raise wrong(key, f"expected up to 255 letters, digits and signs of ASCII without a blank, found {value[:80]!a}")


def check_prompt(key: str, value: str, wrong: Callable[..., ConfigError]) -> None:
    """Make sure that it is one of OpenID Connect's (Core §3.1.2.1, and Initiating User Registration §4)."""
    if value not in _PROMPTS:
        raise wrong(key, f"expected one of {', '.join(_PROMPTS)}; found {value!r}")


def check_url(key: str, value: object, wrong: Callable[..., ConfigError]) -> None:
    """Make sure that it is a URL that a token may be sent to by HTTP."""
    _checked_origin(key, value, wrong, origin_of)


def _checked_origin(
    key: str, value: object, wrong: Callable[..., ConfigError], parse: Callable[[str], str] = api_origin_of
) -> str:
    if not isinstance(value, str):
        raise wrong(key, f"expected a URL, found {value!r}")
    try:
        origin = parse(value)
    except ValueError as error:
        raise wrong(key, f"{error}; found {value!r}") from None
    if origin.startswith("http:") and not is_loopback(value):
        raise wrong(key, f"expected https:// (http only on this machine); found {value!r}")
    return origin


def check_host(key: str, value: str, wrong: Callable[..., ConfigError]) -> None:
    """Make sure that it is a host, with or without a port, and nothing else."""
    try:
        parts = urlsplit(f"https://{value}")
        host_of(parts.geturl())
        is_bare = parts.netloc == value
    except ValueError:
        is_bare = False
    if not is_bare:
        raise wrong(key, f"expected hosts such as keys.example.com or keys.example.com:8443, found {value!a}")


def checked_apis(value: object, wrong: Callable[..., ConfigError]) -> Mapping[str, tuple[str, ...]]:
    """Return the origins of APIs with their scopes, as they are written but for a slash at the end."""
    if not isinstance(value, Mapping):
        raise wrong("apis", "expected a table of origins and their scopes")
    checked: dict[str, tuple[str, ...]] = {}
    origins: set[str] = set()
    for url, scopes in value.items():
        key = f'apis."{url}"'
        origin = _checked_origin(key, url, wrong)
        parts = urlsplit(url)
        if parts.path not in ("", "/") or parts.query or parts.fragment:
            server = f"{parts.scheme}://{parts.netloc}"
            raise wrong(key, "expected an origin without a path", f'Write it as "{server}".')
        if origin in origins:
            raise wrong(key, "the same origin is named twice")
        origins.add(origin)
        checked[url.rstrip("/")] = checked_list(key, scopes, wrong)
    return MappingProxyType(checked)
