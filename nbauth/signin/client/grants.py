"""How an application gets a token with nobody asked: by its credential, for a user who vouched, or by its machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbauth.net.secrecy import HiddenMapping
from nbauth.signin.client import managed_identity

if TYPE_CHECKING:
    import msal

    from nbauth.net.secrecy import HiddenText
    from nbauth.signin.profile.profile import Profile

__all__ = ["acquire"]


def acquire(
    application: msal.ClientApplication,
    profile: Profile,
    scopes: tuple[str, ...],
    *,
    forced: bool = False,
    claims: str | None = None,
) -> HiddenMapping:
    """Get a token for an application's profile.

    Args:
        application: MSAL's client application, or its client of a managed identity.
        profile: whose.
        scopes: what to ask for.
        forced: do not take it from MSAL's cache.
        claims: a claims challenge to meet, or None.

    Returns:
        MSAL's result, or its error.

    Raises:
        ConfigError: a user assertion cannot be read.
        ProviderUnavailable: the machine has no managed identity.
    """
    if profile.managed_identity is not None:
        return HiddenMapping(managed_identity.acquire(application, profile, scopes, forced=forced, claims=claims))
    if profile.user_assertion is not None:
        return _on_behalf_of(application, profile.user_assertion.read(), scopes, claims)
    if forced:
        application.remove_tokens_for_client()  # MSAL has no way to force this grant
    return HiddenMapping(application.acquire_token_for_client(list(scopes), claims_challenge=claims))


def _on_behalf_of(
    application: msal.ClientApplication, assertion: HiddenText, scopes: tuple[str, ...], claims: str | None
) -> HiddenMapping:
    """Trade a user's token for one that another API takes (RFC 7523 §2.1; Entra's on-behalf-of flow).

    MSAL takes nothing from its cache here, so that nobody is served what was meant for the user before.
    """
    return HiddenMapping(
        application.acquire_token_on_behalf_of(assertion.reveal(), list(scopes), claims_challenge=claims)
    )
