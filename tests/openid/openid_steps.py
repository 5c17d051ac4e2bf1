"""What the tests of the contract do again and again: profiles, sign-ins, tokens, waits."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

from openid_visitor import Visiting

import nbauth
from nbauth import kernel
from nbauth.signin.oidc import id_token

if TYPE_CHECKING:
    from collections.abc import Callable

    from openid_servers import OpenIdServer

    from nbauth.signin.tokens.credential import Credential

TIMEOUT_S = 60


def profile_of(server: OpenIdServer, name: str = "lab", **changes: Any) -> nbauth.Profile:
    """Return a person's profile of a server, made in code."""
    options = {
        "redirect_uri": server.redirect_uri,
        "client_id": server.client_id,
        "prompt": server.prompt,
        "apis": {server.api_origin: server.scopes},
        **({} if name == "nightly" else server.options),
        **changes,
    }
    return nbauth.Profile(name, oidc_authority=server.issuer, ca_bundle=str(server.ca_file), **options)


def sign_in(server: OpenIdServer, flow: str = "paste", *, choose: str = "alice", **options: Any) -> nbauth.Account:
    """Sign somebody with a fresh browser in."""
    prompt = Visiting(server.visitor(), choose)
    return nbauth.login("lab", flow=flow, prompt=prompt, timeout_s=TIMEOUT_S, **options)


def credential() -> Credential:
    """Return who is signed in to the profile `lab`."""
    profile = kernel.config().profiles["lab"]
    return kernel.credential_of(profile, profile.login_scopes)


def token() -> str:
    """Return a good access token of the profile `lab`."""
    held = credential()
    return held.token(held.profile.login_scopes)


def renewed() -> str:
    """Return another access token than the present one, as if an API had refused that after some use."""
    refused = token()
    age()
    return credential().token(credential().profile.login_scopes, rejected=refused)


def held(kind: str) -> list[dict[str, Any]]:
    """Return what MSAL's cache holds of a kind."""
    return list(nbauth.client("lab").token_cache.search(kind))


def replaced(url: str, name: str, value: str) -> str:
    """Return an address with another value of a parameter."""
    changed, count = re.subn(rf"(?<=[?&]{name}=)[^&]+", value, url)
    assert count == 1
    return changed


def bearer(access_token: str) -> dict[str, str]:
    """Return the header of somebody who sends the token themselves."""
    return {"Authorization": f"Bearer {access_token}"}


def validated(secret: str, profile: str = "lab") -> dict[str, Any]:
    """Validate an ID token as a sign-in to a profile would."""
    connection = kernel._state.visits.own.connection(kernel.config().profiles[profile])
    return id_token.validate(
        secret, profile=connection.profile, application=connection.application, http_cache=connection.http_cache
    )


def age() -> None:
    """Make tokens that took a refused one's place a moment ago forget that: the next refusal is a new one."""
    for present in credential()._memo.values():
        object.__setattr__(present, "forced_at", None)


def until(true: Callable[[], bool]) -> None:
    """Wait for what time alone brings: a token's own life has no event."""
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)
