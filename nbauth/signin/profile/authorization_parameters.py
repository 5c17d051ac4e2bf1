"""The table of further parameters of an authorization request, checked: nothing that is the protocol's own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbauth.errors import ConfigError

__all__ = ["checked_parameters"]

_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")  # RFC 6749 appendix A, which says no length
# Who says them, by the key of a profile.
_SET_BY = {
    "assertion": "user_assertion",
    "claims": "client_capabilities",
    "client_assertion": "client_assertion",
    "client_assertion_type": "client_assertion",
    "client_id": "client_id",
    "client_secret": "client_secret",
    "domain_hint": "domain_hint",
    "login_hint": "login_hint",
    "prompt": "prompt",
    "redirect_uri": "redirect_uri",
    "scope": "apis",
}
# What binds an answer to its request (RFC 6749, RFC 7636, OpenID Connect Core §3.1.2.1), what would put another request
# in the place of this one (RFC 9101), and what is in token requests alone. An API says `max_age` (RFC 9470).
_OWN = frozenset(
    {
        "client_info", "code", "code_challenge", "code_challenge_method", "code_verifier", "device_code", "dpop_jkt",
        "grant_type", "id_token_hint", "max_age", "nonce", "password", "refresh_token", "registration", "request",
        "request_uri", "requested_token_use", "response_mode", "response_type", "state", "username",
    }
)  # fmt: skip


def checked_parameters(key: str, value: object, wrong: Callable[..., ConfigError]) -> Mapping[str, str] | None:
    """Check a table such as ``{ audience = "https://api.example.com" }``.

    Args:
        key: its name, for messages.
        value: what was given.
        wrong: makes the error of a key, a problem and the next step.

    Returns:
        The table; None where it is empty.

    Raises:
        ConfigError: it is no such table, or names a parameter that something else sets.
    """
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise wrong(key, f'expected a table such as {{ audience = "https://api.example.com" }}, found {value!r}')
    for name, text in value.items():
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise wrong(key, f"expected names of letters, digits, '_', '.' and '-', found {name!a}")
        known = name.lower()  # Entra takes them in any case
        if known in _SET_BY:
            raise wrong(f"{key}.{name}", "is a parameter of the protocol", f"Say it by the key {_SET_BY[known]}.")
        if known in _OWN:
            raise wrong(f"{key}.{name}", "is a parameter of the protocol, which nbauth sets by itself", "Leave it out.")
        if not isinstance(text, str) or not text.strip() or not text.isprintable():
            raise wrong(f"{key}.{name}", f"expected a text in one line that is not empty, found {text!r}")
    return MappingProxyType(dict(value)) or None
