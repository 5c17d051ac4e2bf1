"""A person's token exchanged for one that another API takes, by the credential of an application.

Entra has its on-behalf-of flow for that (https://learn.microsoft.com/entra/identity-platform/v2-oauth2-on-behalf-of-flow),
and other providers token exchange (RFC 8693). In both the token must be meant for the application that exchanges it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbauth.net.secrecy import HiddenMapping
from nbauth.signin import msal_internals
from nbauth.signin.client import application as applications
from nbauth.signin.client.provider_errors import provider_errors, raise_for_error
from nbauth.signin.client.token_cache import NothingKept
from nbauth.signin.sources.source import wrong

if TYPE_CHECKING:
    import msal

    from nbauth.net.secrecy import HiddenText
    from nbauth.signin.sources.source import Wish

__all__ = ["exchanged"]

_UNKNOWN_LIFE_S = 600.0
_GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
_ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - the name of a type (RFC 8693 §3)


def exchanged(wish: Wish, subject: HiddenText) -> tuple[HiddenText, float]:
    """Exchange a token.

    Args:
        wish: what it is for; its profile has a client credential.
        subject: the token of the person.

    Returns:
        The new token, and how many seconds it is good.

    Raises:
        ConfigError: the credential cannot be read.
        SignInRequired: the provider wants the person.
        SignInFailed: it refuses.
        ProviderUnavailable: it cannot be reached.
    """
    profile, connection = wish.profile, wish.connect(wish.profile)
    # The discovery document is in the http cache. What comes is kept by its credential and by nobody else, so that a
    # sign-out forgets it.
    application = applications.build(
        profile, token_cache=NothingKept(), http_cache=connection.http_cache, transport=connection.transport
    )
    with provider_errors(profile):
        if profile.resolved_authority.kind == "oidc":
            result = _token_exchange(application, wish, subject)
        else:
            result = HiddenMapping(application.acquire_token_on_behalf_of(subject.reveal(), list(wish.scopes)))
    raise_for_error(result, profile, wish.scopes, silent=True)
    if not isinstance(result.get("access_token"), str):
        raise wrong(wish, profile.authority_host, "answered an exchange of tokens without an access token")
    return result.secret("access_token"), float(result.get("expires_in") or _UNKNOWN_LIFE_S)


def _token_exchange(application: msal.ClientApplication, wish: Wish, subject: HiddenText) -> HiddenMapping:
    audience = (wish.profile.authorization_parameters or {}).get("audience")
    form = {
        "subject_token": subject.reveal(),
        "subject_token_type": _ACCESS_TOKEN,
        "requested_token_type": _ACCESS_TOKEN,
        "scope": " ".join(wish.scopes),
        **({"audience": audience} if audience else {}),
    }
    return HiddenMapping(msal_internals.obtain_token(application, _GRANT, form))
