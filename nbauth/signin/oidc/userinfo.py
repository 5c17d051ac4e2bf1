"""Who somebody is, from the provider's userinfo, where its ID token names nobody (OpenID Connect Core §5.3, §5.4)."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import requests

from nbauth.signin.http.transport import NoEndpoint
from nbauth.signin.oidc import identity
from nbauth.signin.oidc.discovery import discover, moved

if TYPE_CHECKING:
    import msal

    from nbauth.signin.http.http_cache import HttpCache
    from nbauth.signin.http.transport import Answer, HttpClient
    from nbauth.signin.profile.profile import Profile

__all__ = ["named"]

logger = logging.getLogger(__name__)

_TAKEN = (*identity.NAMES, "name")


def named(
    claims: dict[str, Any],
    *,
    profile: Profile,
    application: msal.ClientApplication,
    transport: HttpClient,
    access_token: str,
    http_cache: HttpCache | None = None,
    wanted: str | None = None,
) -> dict[str, Any]:
    """Return the claims of an ID token with names in them, if the provider has any.

    Providers that keep to OpenID Connect Core §5.4 put them into userinfo alone. It is asked only where the ID token
    has no sign-in name, or not the one that is wanted, and never where that is Entra's, whose userinfo is on another
    host.

    Args:
        claims: of a validated ID token.
        profile: whose sign-in.
        application: its client application.
        transport: its http client.
        access_token: what came with the ID token.
        http_cache: where the discovery document is kept.
        wanted: the sign-in name or key of who is to sign in, or None.

    Returns:
        The claims, with what the ID token does not say; as they were where userinfo cannot be had, or is about
        somebody else.
    """
    names = identity.names_of(claims)
    enough = names and (wanted is None or identity.is_called(wanted, names[0], str(claims["sub"]), names[1:]))
    if not profile.oidc_authority or enough:
        return claims
    endpoint = discover(profile, application).get("userinfo_endpoint")
    if not isinstance(endpoint, str):
        return claims

    def ask(url: str) -> Answer:
        # Not by way of MSAL: its http cache would keep the answer, for everybody.
        answer = transport.get(url, headers={"Authorization": "Bearer " + access_token})
        answer.raise_for_status()
        return answer

    try:
        try:
            answer = ask(endpoint)
        except NoEndpoint:
            place = moved(profile, application, http_cache, name="userinfo_endpoint", url=endpoint)
            if place is None:
                raise
            answer = ask(place)
    except requests.RequestException as error:
        logger.info("Profile %r: userinfo cannot be had: %s", profile.name, error)
        return claims
    userinfo: dict[str, Any] = json.loads(answer.text)
    if userinfo.get("sub") != claims["sub"]:  # §5.3.2
        logger.warning("Profile %r: userinfo is about somebody else, and is not used.", profile.name)
        return claims
    further = {name: userinfo[name] for name in _TAKEN if isinstance(userinfo.get(name), str) and not claims.get(name)}
    if "email" in further:
        further["email_verified"] = userinfo.get("email_verified", True)
    return {**claims, **further}
