"""Refuses a caller's own credentials and certificates on an nbauth session, which has those of the sign-in."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from requests.auth import AuthBase

from nbauth.errors import ConfigError
from nbauth.net.origins import check_https, origin_of, redact_url

if TYPE_CHECKING:
    from collections.abc import Mapping

    from requests import PreparedRequest

__all__ = ["NO_AUTH", "check_auth", "check_headers", "check_place", "check_trust"]

_OURS = "nbauth attaches the tokens itself, for the origins that a profile names; send other requests with requests."


class _NoAuth(AuthBase):
    """Adds nothing. Its presence keeps requests from reading ``.netrc``, which would replace our token."""

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        return request


NO_AUTH = _NoAuth()


def check_auth(auth: Any, *, url: str) -> None:
    """Make sure that a request brings no way of signing in, and its URL no user.

    Args:
        auth: the request's ``auth``, or else the session's.
        url: where it goes.

    Raises:
        ConfigError: it does.
    """
    if auth and auth is not NO_AUTH:
        raise ConfigError(f"auth= cannot be used on an nbauth session. {_OURS}")
    if "@" in re.split(r"[/?#]", url.partition("://")[2], maxsplit=1)[0]:
        raise ConfigError(f"The URL must not hold a user name or password. {_OURS}")


def check_headers(headers: Mapping[Any, Any]) -> None:
    """Make sure that no header is ours.

    Raises:
        ConfigError: one is.
    """
    for name in headers:
        text = name.decode("latin-1") if isinstance(name, bytes) else str(name)
        if text.strip().lower() == "authorization":
            raise ConfigError(f"An Authorization header cannot be used on an nbauth session. {_OURS}")


def check_trust(verify: Any, cert: Any) -> None:
    """Make sure that a server is trusted by the profile alone, and knows the caller by the profile's token alone.

    Raises:
        ConfigError: it would be trusted or known otherwise.
    """
    if verify is not True:
        raise ConfigError("verify= cannot be used on an nbauth session.", next_step="Name ca_bundle in the profile.")
    if cert is not None:
        raise ConfigError("cert= cannot be used on an nbauth session: a profile's tokens are all that it sends.")


def check_place(url: str) -> None:
    """Make sure that a URL has an origin, and one that a token may go to.

    Raises:
        ConfigError: it has none.
        OriginNotAllowed: it is http on another machine.
    """
    try:
        origin = origin_of(url)
    except ValueError as error:
        raise ConfigError(f"{redact_url(url)}: {error}.") from None
    check_https(url, origin)
