"""From a token endpoint's answer to the person who signed in: proven first, then kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msal

from nbauth.errors import SignInFailed
from nbauth.next_step import Login, NextStep
from nbauth.signin.client import token_cache
from nbauth.signin.client.provider_errors import login_command, provider_errors
from nbauth.signin.http.granted_scopes import not_granted
from nbauth.signin.oidc import id_token, identity, issuers, userinfo
from nbauth.signin.profile.account import Account
from nbauth.signin.tokens.credential import Credential

if TYPE_CHECKING:
    from nbauth.net.secrecy import HiddenMapping
    from nbauth.signin.client.token_cache import Answers
    from nbauth.signin.tokens.connection import Connection

__all__ = ["Proven", "keep", "prove", "username_of"]


@dataclass(frozen=True, kw_only=True)
class Proven:
    """What is known of a person whose sign-in was proven.

    Attributes:
        key: of the account, MSAL's `home_account_id`; no other person has it in this kernel.
        claims: of the ID token, with the names that userinfo has.
        names: what the provider calls them, the sign-in name first; `sub` where it has none.
        result: MSAL's.
        answers: the tokens, which are in no cache yet.
    """

    key: str
    claims: dict[str, Any]
    names: tuple[str, ...]
    result: HiddenMapping = field(repr=False)
    answers: Answers = field(repr=False)


def prove(connection: Connection, result: HiddenMapping, answers: Answers, *, wanted: str | None) -> Proven:
    """Validate what a sign-in brought.

    Args:
        connection: the profile's.
        result: MSAL's.
        answers: what was answered to this very sign-in.
        wanted: the sign-in name or key of who is to sign in, or None.

    Raises:
        SignInFailed: it is not valid, does not say who signed in, or somebody else did.
        ProviderUnavailable: the provider's keys cannot be had.
    """
    said = _validated(connection, result)
    claims = userinfo.named(
        said,
        profile=connection.profile,
        application=connection.application,
        transport=connection.transport,
        access_token=result.secret("access_token"),
        http_cache=connection.http_cache,
        wanted=wanted,
    )
    key = _key(connection, claims, answers)
    # What an ID token calls somebody does not change with who was asked for, and userinfo with it.
    found = (*identity.names_of(said)[:1], *identity.names_of(claims)) or (str(claims["sub"]),)
    names = tuple(dict.fromkeys(found))
    _check_account(wanted, names, key, connection)
    return Proven(key=key, claims=claims, names=names, result=result, answers=answers)


def keep(
    connection: Connection, proven: Proven, *, scopes: tuple[str, ...], claims: str | None
) -> tuple[Account, Credential]:
    """Put the tokens into the kernel's cache, in the place of those that the account had.

    Args:
        connection: the profile's.
        proven: whose they are.
        scopes: what was asked for.
        claims: the claims challenge that was met, or None.
    """
    profile, cache, apart = connection.profile, connection.application.token_cache, msal.TokenCache()
    msal_account = proven.answers.put_into(apart, home_account_id=proven.key)
    if msal_account is None:
        raise SignInFailed(f"Profile {profile.name!r}: the answer names no account.", profile=profile.name)
    credential = Credential.of_person(connection, msal_account)
    credential.refresh_lock.join(
        credential,
        lambda: token_cache.copy_account(apart, cache, home_account_id=proven.key, client_id=profile.client_id),
    )
    credential.keep(scopes, proven.result, claims=claims)
    username, *other_names = proven.names
    account = Account(
        username=username,
        name=str(proven.claims.get("name") or username),
        tenant_id=issuers.tenant_of(profile.resolved_authority, proven.claims),
        home_account_id=proven.key,
        profile=profile.name,
        expires_at=credential.expires_at() or datetime.now(UTC),
        not_granted=not_granted(scopes, proven.result.get("scope")),
        other_names=tuple(other_names),
    )
    return account, credential


def username_of(claims: dict[str, Any]) -> str:
    """Return the sign-in name of somebody."""
    return identity.shown_name(claims) or str(claims["sub"])


def _validated(connection: Connection, result: HiddenMapping) -> dict[str, Any]:
    profile = connection.profile
    if "access_token" not in result or "id_token" not in result:
        missing = "access token" if "access_token" not in result else "ID token"
        raise SignInFailed(
            f"Profile {profile.name!r}: {profile.authority_host} answered without an {missing}.",
            profile=profile.name,
            next_step="Check that the application may use OpenID Connect at the provider.",
        )
    with provider_errors(profile):
        return id_token.validate(
            result.secret("id_token"),
            profile=profile,
            application=connection.application,
            http_cache=connection.http_cache,
            access_token=result.secret("access_token"),
        )


def _key(connection: Connection, claims: dict[str, Any], answers: Answers) -> str:
    """Return the key of the account, which no other person has in this kernel."""
    profile, cache = connection.profile, connection.application.token_cache
    try:
        key = identity.key_of(profile.resolved_authority, claims, answers.client_info)
        known = identity.known_claims(cache, home_account_id=key, client_id=profile.client_id)
        here = known.get(str(connection.application.authority.tenant))
        if here is not None and (here.get("iss"), here.get("sub")) != (claims["iss"], claims["sub"]):
            unclear = "somebody else is signed in with the same client_info"
        else:
            return key
    except ValueError as error:
        unclear = str(error)
    raise SignInFailed(
        f"Profile {profile.name!r}: {profile.authority_host} does not say clearly who signed in: {unclear}. "
        "Nothing was kept.",
        profile=profile.name,
        error="invalid_id_token",
        next_step=login_command(profile.name),
    )


def _check_account(wanted: str | None, names: tuple[str, ...], key: str, connection: Connection) -> None:
    profile, (got, *others) = connection.profile, names
    if wanted is None or identity.is_called(wanted, got, key, others):
        return
    # Many providers take the session that the browser has, whatever name the request hints at (OpenID Connect Core
    # §3.1.2.1, `login_hint`): the same command alone would end the same way.
    lead = f"Sign out at {profile.authority_host} in the browser, or open the sign-in in a private window, then run: "
    raise SignInFailed(
        f"Profile {profile.name!r}: {got} signed in where {wanted} was asked for. Nothing was kept.",
        profile=profile.name,
        next_step=NextStep(
            (
                lead,
                Login(profile.name, account=wanted),
                f" (or, to be {got}: ",
                Login(profile.name, account=got),
                ")",
            )
        ),
    )
