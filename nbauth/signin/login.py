"""One sign-in from start to end: connection, flow, validation; what comes out is an account and its credential."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from nbauth.errors import NbauthError, SignInCancelled, SignInFailed, SignInTimeout
from nbauth.signin import flows, person
from nbauth.signin.client import application as applications
from nbauth.signin.client import provider_errors
from nbauth.signin.client.token_cache import HeldBackCache
from nbauth.signin.flows.attempt import SignInAttempt
from nbauth.signin.flows.browser_page import OtherFlow
from nbauth.signin.flows.prompt import NullPrompt
from nbauth.signin.http.granted_scopes import not_granted
from nbauth.signin.msal_internals import is_brokered
from nbauth.signin.profile.account import Account
from nbauth.signin.tokens import on_behalf_of, renewal
from nbauth.signin.tokens.credential import Credential, SignedIn
from nbauth.signin.tokens.msal_sources import ApplicationSource

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbauth.environment import Environment
    from nbauth.net.secrecy import HiddenMapping
    from nbauth.signin.flows.prompt import Prompt
    from nbauth.signin.login_request import LoginRequest
    from nbauth.signin.profile.profile import Profile
    from nbauth.signin.tokens.connection import Connection

__all__ = ["application_account", "own_credential", "sign_in", "sign_in_application"]


def sign_in(
    connection: Connection,
    request: LoginRequest,
    *,
    scopes: tuple[str, ...],
    make_prompt: Callable[[], Prompt],
    environment: Environment,
    claims: str | None = None,
) -> SignedIn:
    """Sign a person in, and hand the tokens to the kernel's cache once they are proven.

    Args:
        connection: the profile's.
        request: what the caller wants.
        scopes: what to ask the provider for.
        make_prompt: makes the prompt that asks the person.
        environment: where the kernel runs; it was checked that the flow can run there.
        claims: a claims challenge to meet (OpenID Connect Core §5.5), or None.

    Raises:
        SignInCancelled, SignInTimeout, SignInRefused, SignInFailed, ProviderUnavailable: how else it ended.
    """
    profile, prompt = connection.profile, make_prompt()
    held_back = HeldBackCache()
    # The discovery document is in the http cache: a second application costs no request.
    application = applications.build(
        profile, token_cache=held_back, http_cache=connection.http_cache, transport=connection.transport
    )
    attempt = SignInAttempt(
        profile=profile,
        application=application,
        scopes=scopes,
        prompt=prompt,
        flow=request.flow,
        timeout_s=request.timeout_s,
        account=request.account,
        claims=claims,
        select_account=request.select_account,
    )
    outcome: Account | NbauthError = SignInFailed(f"Profile {profile.name!r}: the sign-in ended unexpectedly.")
    try:
        prompt.begin(attempt.request)
        result = _ask(attempt, environment)
        proven = person.prove(connection, result, held_back.answers, wanted=request.account)
        with connection.refresh_locks.hold_shared():
            signed_in = SignedIn(*person.keep(connection, proven, scopes=scopes, claims=claims))
    except KeyboardInterrupt:
        outcome = SignInCancelled(
            f"Profile {profile.name!r}: The sign-in was interrupted.",
            profile=profile.name,
            next_step=provider_errors.login_command(profile.name),
        )
        raise outcome from None
    except NbauthError as error:
        outcome = error
        raise
    else:
        outcome = signed_in.account
        return signed_in
    finally:
        if isinstance(outcome, SignInTimeout | SignInCancelled):
            # The person may have met an address that is not the provider's page any more: it tells nobody here.
            connection.http_cache.forget(profile.resolved_authority.discovery_url)
        prompt.end(outcome)


def _ask(attempt: SignInAttempt, environment: Environment) -> HiddenMapping:
    """Run the flow that fits, and every other one that the person turns to."""
    flow, profile = attempt.flow, attempt.profile
    # MSAL has device codes for public clients only.
    offered = bool(attempt.application.authority.device_authorization_endpoint) and not profile.is_confidential
    brokered = is_brokered(attempt.application)
    while True:
        page = attempt.prompt.page()
        chosen = flows.choose(flow, profile, environment, device_code_offered=offered, broker=brokered, page=page)
        attempt.prompt.offer(flows.alternatives(chosen, profile, environment, device_code_offered=offered, page=page))
        try:
            return flows.run(dataclasses.replace(attempt, flow=chosen, strays=[]))
        except OtherFlow as other:
            flow = other.flow


def own_credential(connection: Connection) -> Credential:
    """Return the credential of a profile that needs no person, without a token yet."""
    profile, application = connection.profile, connection.application
    if profile.user_assertion is not None:
        return on_behalf_of.UserCredential(profile, lambda: application, http_cache=connection.http_cache)
    return Credential(profile, ApplicationSource(profile, lambda: application))


def sign_in_application(connection: Connection, *, scopes: tuple[str, ...], timeout_s: float) -> SignedIn:
    """Sign an application in with its own credential; nobody is asked.

    Args:
        connection: the profile's.
        scopes: what to ask the provider for.
        timeout_s: seconds that it may take.

    Raises:
        SignInFailed, ProviderUnavailable: how else it ended.
    """
    profile = connection.profile
    assertion = None if profile.user_assertion is None else profile.user_assertion.read()
    attempt = SignInAttempt(
        profile=profile if assertion is None else on_behalf_of.held(profile, assertion),
        application=connection.application,
        scopes=scopes,
        prompt=NullPrompt(),
        flow="client_credentials",
        timeout_s=timeout_s,
    )
    result = flows.run(attempt)
    credential = own_credential(connection)
    if isinstance(credential, on_behalf_of.UserCredential) and assertion is not None:
        with provider_errors.provider_errors(profile):
            said = renewal.check_user(
                result, assertion, profile=profile, application=connection.application, http_cache=connection.http_cache
            )
        claims = on_behalf_of.claims_of(assertion) if said is None else said
        credential.of(assertion).keep(scopes, result)
        return SignedIn(_user(claims, application_account(connection, credential), profile), credential)
    credential.keep(scopes, result)
    account = application_account(connection, credential)
    left_out = not_granted(scopes, result.get("scope"))
    return SignedIn(dataclasses.replace(account, not_granted=left_out), credential)


def _user(claims: dict[str, Any], account: Account, profile: Profile) -> Account:
    """Return the account of the user that the application acts for."""
    if not claims.get("sub"):
        return account  # nobody says who it is
    username = person.username_of(claims)
    entra = profile.resolved_authority.has_client_info
    tenant_id = str(claims.get("tid", account.tenant_id)) if entra else account.tenant_id
    key = claims.get("oid", claims["sub"]) if entra else claims["sub"]
    return dataclasses.replace(
        account,
        username=username,
        name=str(claims.get("name") or username),
        tenant_id=tenant_id,
        home_account_id=".".join(filter(None, (str(key), tenant_id))),
        kind="person",
    )


def application_account(connection: Connection, credential: Credential) -> Account:
    """Return the account of a profile that signs in with its own credential."""
    profile = connection.profile
    identity = profile.managed_identity
    username = profile.client_id if identity is None else identity.identifier or "managed identity"
    return Account(
        username=username,
        name=username,
        tenant_id=connection.tenant_id,
        home_account_id=username,
        profile=profile.name,
        expires_at=credential.expires_at() or datetime.now(UTC),
        kind="application",
    )
