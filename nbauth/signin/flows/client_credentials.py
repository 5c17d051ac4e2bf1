"""Sign in as the application itself (RFC 6749 §4.4), for a user who vouched, or by its machine; nobody is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbauth.signin.client import grants
from nbauth.signin.client.provider_errors import provider_errors, raise_for_error
from nbauth.signin.flows.flow import Flow

if TYPE_CHECKING:
    from nbauth.net.secrecy import HiddenMapping
    from nbauth.signin.flows.attempt import SignInAttempt

__all__ = ["FLOW"]


def run(attempt: SignInAttempt) -> HiddenMapping:
    """Get a token for the application.

    Returns:
        MSAL's result, with an access token.

    Raises:
        SignInFailed: the provider refused it.
        ProviderUnavailable: the provider cannot be reached.
    """
    with provider_errors(attempt.profile):
        result = grants.acquire(attempt.application, attempt.profile, attempt.scopes)
    raise_for_error(result, attempt.profile, attempt.scopes)
    return result


FLOW = Flow(run=run)
