"""Ending the session at the provider, which lives in the person's browser (OpenID Connect RP-Initiated Logout)."""

from __future__ import annotations

import webbrowser
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from nbauth.environment import detect
from nbauth.errors import ConfigError
from nbauth.process.browsers import started
from nbauth.signin.client.provider_errors import provider_errors
from nbauth.signin.oidc.discovery import discover

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbauth.signin.tokens.connection import Connection

__all__ = ["end_session", "end_session_address"]


def end_session(connection: Connection, usernames: list[str], *, show: Callable[[str, str], None]) -> None:
    """Open the address that ends the session, where there is a browser, and show it.

    Raises:
        ConfigError, ProviderUnavailable: as `end_session_address`.
    """
    url = end_session_address(connection, usernames)
    if detect().is_local:
        started(webbrowser.open, url)
    show(f"To end the session at {connection.profile.authority_host}, open", url)


def end_session_address(connection: Connection, usernames: list[str]) -> str:
    """Return the address that ends the session when the person's browser opens it.

    Raises:
        ConfigError: the provider has no such address.
        ProviderUnavailable: its discovery document cannot be had.
    """
    profile = connection.profile
    with provider_errors(profile):
        address = discover(profile, connection.application).get("end_session_endpoint")
    if not address:
        raise ConfigError(
            f"Profile {profile.name!r}: {profile.authority_host} offers no address to end its session; "
            "the tokens of this kernel are gone.",
            next_step="Sign out on the provider's own page.",
        )
    # No id_token_hint: it would put a token into an address that is shown.
    query = {"client_id": profile.client_id, **({"logout_hint": usernames[0]} if usernames else {})}
    return f"{address}{'&' if '?' in address else '?'}{urlencode(query)}"
