"""Sign in as the application itself (RFC 6749 §4.4), for a user who vouched, or by its machine; nobody is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbauth.signin import grants
from nbauth.signin.failures import provider_errors, raise_for_error

if TYPE_CHECKING:
    from nbauth.net.secrecy import HiddenMapping
    from nbauth.signin.flows.context import SignIn

__all__ = ["run"]


def run(sign_in: SignIn) -> HiddenMapping:
    """Get a token for the application.

    Returns:
        MSAL's result, with an access token.

    Raises:
        SignInFailed: the provider refused it.
        ProviderUnavailable: the provider cannot be reached.
    """
    with provider_errors(sign_in.profile):
        result = grants.acquire(sign_in.application, sign_in.profile, sign_in.scopes)
    raise_for_error(result, sign_in.profile, sign_in.scopes)
    return result
