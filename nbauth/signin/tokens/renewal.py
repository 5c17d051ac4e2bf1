"""What a renewal brings is about the person who signed in (OpenID Connect Core §12.2); MSAL keeps whatever comes."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

import jwt
import requests

from nbauth.errors import ProviderUnavailable, SignInFailed, SignInRequired
from nbauth.net.secrecy import HiddenMapping, HiddenText
from nbauth.signin.client.application import without_reserved_scopes
from nbauth.signin.client.provider_errors import login_command
from nbauth.signin.http.clock_skew import seconds_off
from nbauth.signin.msal_internals import is_of_id_token_checks
from nbauth.signin.oidc import id_token, identity
from nbauth.signin.tokens.account_tokens import AccountTokens

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import msal

    from nbauth.net.secrecy import Members
    from nbauth.signin.client.token_cache import Answers
    from nbauth.signin.http.http_cache import HttpCache
    from nbauth.signin.profile.profile import Profile
    from nbauth.signin.tokens.refresh_lock import RefreshLock

__all__ = ["check_user", "silent"]

logger = logging.getLogger(__name__)


def silent(
    application: msal.ClientApplication,
    *,
    profile: Profile,
    account: dict[str, Any],
    refresh_lock: RefreshLock,
    http_cache: HttpCache | None,
    scopes: tuple[str, ...],
    forced: bool,
    claims: str | None,
) -> HiddenMapping | None:
    """Get a token for an account without asking anybody, and keep what comes once it was looked at.

    An answer without an ID token is fine (§12.2): it is about whom the refresh token is about.

    Args:
        application: MSAL's client application, on the cache that holds the account.
        profile: whose sign-in.
        account: MSAL's account.
        refresh_lock: the account's; the caller holds it.
        http_cache: where the provider's keys are.
        scopes: what to ask for.
        forced: do not take it from MSAL's cache.
        claims: a claims challenge to meet, or None.

    Returns:
        MSAL's answer.

    Raises:
        SignInRequired: what came is about somebody else, or not valid. Nothing of it is kept, and the account has no
            tokens any more.
    """
    cache, who, epoch = application.token_cache, str(account["home_account_id"]), refresh_lock.epoch
    tokens = AccountTokens(cache, who, profile.client_id)
    before = None if refresh_lock.shared is None else tokens.copied()
    try:
        with cache.held_back() as answers:
            answer = HiddenMapping(
                _refused_by_msal(
                    lambda: application.acquire_token_silent_with_error(
                        without_reserved_scopes(scopes), account, force_refresh=forced, claims_challenge=claims
                    ),
                    profile,
                    scopes,
                )
                or {}
            )
        _check(answers, profile=profile, application=application, http_cache=http_cache, account=account, scopes=scopes)
    except SignInRequired:
        # The refresh token may be the other person's by now: nobody is to use it again.
        refresh_lock.remove(tokens.drop)
        raise

    def put() -> None:
        if before is not None and refresh_lock.epoch != epoch:
            # Signed out of meanwhile. From here it gets into the file, for the profiles and kernels that are left,
            # and then the credential drops it.
            before.copy_to(cache)
        answers.put_into(cache, home_account_id=who)

    refresh_lock.write(epoch if refresh_lock.shared is None else None, put)
    return answer or None


def _refused_by_msal(ask: Callable[[], Any], profile: Profile, scopes: tuple[str, ...]) -> Any:
    """Return what MSAL returns. What it lets through of its own look at an ID token ends the sign-in."""
    try:
        return ask()
    except Exception as error:
        if not is_of_id_token_checks(error):
            raise
        wrong = f"MSAL refuses it, or a type in it that was not expected ({type(error).__name__})"
    # Its own message quotes the token. The refresh token may be spent.
    raise _ended(profile, scopes, _about_another(profile, wrong))


def check_user(
    result: Members,
    assertion: HiddenText,
    *,
    profile: Profile,
    application: msal.ClientApplication,
    http_cache: HttpCache | None,
) -> dict[str, Any] | None:
    """Check that a token that was traded for a user's assertion (RFC 7523) is that user's; return its claims.

    An assertion of another issuer may call its user otherwise, and is not compared.

    Raises:
        SignInFailed: it is another user's, or not valid.
    """
    if "id_token" not in result:
        return None
    claims = id_token.validate(
        HiddenText(result["id_token"]),
        profile=profile,
        application=application,
        http_cache=http_cache,
        access_token=HiddenText(result["access_token"]),
    )
    vouched = identity.read_claims(assertion)
    keys = ("tid", "oid") if profile.resolved_authority.has_client_info else ("iss", "sub")
    first, second = ((vouched.get(key), claims.get(key)) for key in keys)
    if None not in (*first, *second) and first[0] == first[1] and second[0] != second[1]:
        raise SignInFailed(
            f"Profile {profile.name!r}: {profile.authority_host} answered the assertion of one user with the token of "
            "another one. Nothing was kept.",
            profile=profile.name,
            error="invalid_id_token",
            next_step="Check the user_assertion in the profile.",
        )
    return claims


def _validated(
    token: HiddenText,
    *,
    access_token: HiddenText | None,
    profile: Profile,
    application: msal.ClientApplication,
    http_cache: HttpCache | None,
    here: Mapping[str, Any] | None,
    now: float,
) -> dict[str, Any]:
    try:
        return id_token.validate(
            token,
            profile=profile,
            application=application,
            http_cache=http_cache,
            access_token=access_token,
            now=now,
        )
    except (ProviderUnavailable, requests.RequestException) as error:
        if here is None:
            raise
        # The refresh token may be spent: to throw away its successor would end the sign-in. The answer came from the
        # token endpoint itself, where TLS may stand for the signature (§3.1.3.7, 6).
        logger.warning("Profile %r: the provider's keys cannot be had (%s).", profile.name, type(error).__name__)
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                audience=profile.client_id,
                options={"verify_signature": False, "verify_aud": True, "require": ["aud", "exp", "iat"]},
            )
            id_token.check_times(claims, now)
        except jwt.PyJWTError as wrong:
            raise SignInFailed(
                f"Profile {profile.name!r}: the ID token of {profile.authority_host} is not valid: {wrong}. "
                "Nothing was kept.",
                profile=profile.name,
                error="invalid_id_token",
                next_step=login_command(profile.name),
            ) from None
        return claims


def _difference(
    profile: Profile,
    who: str,
    claims: Mapping[str, Any] | None,
    client_info: Mapping[str, str],
    *,
    here: Mapping[str, Any] | None,
    now: float,
) -> str | None:
    authority = profile.resolved_authority
    told = client_info if authority.has_client_info and {"uid", "utid"} <= client_info.keys() else {}
    if told and "{uid}.{utid}".format(**told).lower() != who.lower():
        return "its client_info is somebody else's"
    if claims is None:
        return None
    if here is not None:
        return identity.changed(authority, here, claims, now=now)
    # The first ID token of another tenant: there the person has another subject.
    if not told and who != identity.key_of(authority, claims, {}):
        return "nothing in it says that it is about the same person"
    return None


def _check(
    answers: Answers,
    *,
    profile: Profile,
    application: msal.ClientApplication,
    http_cache: HttpCache | None,
    account: Mapping[str, Any],
    scopes: tuple[str, ...],
) -> None:
    who = str(account["home_account_id"])
    known = identity.known_claims(application.token_cache, home_account_id=who, client_id=profile.client_id)
    here = known.get(str(application.authority.tenant))
    # A clock that is set while a kernel runs ends no sign-in: the answer's own date says how far it is off.
    now = time.time() - seconds_off(application)
    try:
        claims = None
        if answers.id_token is not None:
            claims = _validated(
                answers.id_token,
                access_token=answers.access_token,
                profile=profile,
                application=application,
                http_cache=http_cache,
                here=here,
                now=now,
            )
        wrong = _difference(profile, who, claims, answers.client_info, here=here, now=now)
    except SignInFailed as error:
        ended = _ended(profile, scopes, f"{error.args[0]} The sign-in was ended.")
    else:
        if wrong is None:
            return
        ended = _ended(profile, scopes, _about_another(profile, wrong))
    raise ended


def _about_another(profile: Profile, wrong: str) -> str:
    return (
        f"Profile {profile.name!r}: {profile.authority_host} renewed the sign-in with an ID token that is not of "
        f"the same person and sign-in: {wrong}. Nothing of it was kept, and the sign-in was ended."
    )


def _ended(profile: Profile, scopes: tuple[str, ...], message: str) -> SignInRequired:
    logger.warning("%s", message)
    return SignInRequired(message, profile=profile.name, scopes=scopes, next_step=login_command(profile.name))
