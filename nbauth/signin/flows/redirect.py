"""What every flow with a redirect shares: authorization code with PKCE (RFC 6749 §4.1, RFC 7636)."""

from __future__ import annotations

import hmac
import json
import re
import threading
import warnings
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

from nbauth.errors import SignInFailed
from nbauth.net.secrecy import HiddenMapping
from nbauth.next_step import Login, to_run
from nbauth.signin.client.application import without_reserved_scopes
from nbauth.signin.client.provider_errors import provider_errors, raise_for_error
from nbauth.signin.flows.sign_in_request import DEFAULT_REDIRECT_URI
from nbauth.signin.http.clock_skew import what_is_off
from nbauth.signin.oidc import issuers
from nbauth.signin.oidc.discovery import discover

if TYPE_CHECKING:
    from nbauth.net.secrecy import Members
    from nbauth.signin.flows.attempt import SignInAttempt

__all__ = ["DEFAULT_REDIRECT_URI", "finish", "is_anonymous_refusal", "is_answer", "is_stray", "parameters", "start"]

_BLANKS = re.compile(r"[\s\u200b\u2060\ufeff]+")  # none stands in an address as browsers write it
_ANSWER = re.compile(r"\b(state|error|code)=")
_QUOTES = "<>\"'`“”"
_WARNINGS = threading.Lock()  # what is ignored is the process's: two sign-ins at once would restore each other's


def start(
    attempt: SignInAttempt, redirect_uri: str, *, state: str | None = None, response_mode: str | None = None
) -> HiddenMapping:
    """Begin: MSAL makes nonce and PKCE verifier, which stay in what is returned, and in the kernel.

    Args:
        attempt: the sign-in.
        redirect_uri: where the provider sends the answer.
        state: the state (RFC 6749 §10.12); by default MSAL makes one.
        response_mode: ``"query"``, ``"fragment"`` or None for the provider's default.
    """
    profile = attempt.profile
    prompt = _prompt(attempt)
    with provider_errors(profile), _WARNINGS, warnings.catch_warnings():
        # MSAL recommends form_post. Providers that do not implement it never come back, and an address can be pasted
        # only if it holds the answer; the listener keeps the query out of referrers and logs.
        warnings.filterwarnings("ignore", message="response_mode=", category=UserWarning)
        flow: dict[str, Any] = attempt.application.initiate_auth_code_flow(
            without_reserved_scopes(attempt.scopes),
            redirect_uri=redirect_uri,
            state=state,
            response_mode=response_mode,
            prompt=prompt,
            login_hint=attempt.account or profile.login_hint,
            domain_hint=profile.domain_hint,
            claims_challenge=attempt.claims,
        )
    # What an API asks of the authentication comes before what the profile says of it.
    further = {**(profile.authorization_parameters or {}), **_authentication(attempt.claims)}
    if further:
        flow["auth_uri"] += f"&{urlencode(further)}"
    return HiddenMapping(flow)


def _prompt(attempt: SignInAttempt) -> str | None:
    """Return what the provider's page is to ask, whatever session the browser has there.

    A session of somebody else goes before `login_hint` at many providers. Those that cannot let choose may refuse the
    word (OpenID Connect Core §3.1.2.1), so unasked only those get it who say that they can.
    """
    if attempt.select_account:
        return "select_account"
    if attempt.profile.prompt is not None or attempt.account is None:
        return attempt.profile.prompt
    with provider_errors(attempt.profile):
        offered = discover(attempt.profile, attempt.application).get("prompt_values_supported")
    return "select_account" if isinstance(offered, list) and "select_account" in offered else None


def _authentication(claims: str | None) -> dict[str, str]:
    """Return the parameters for what an API asks of the authentication (RFC 9470 §4), which MSAL does not take."""
    asked = json.loads(claims or "{}")
    acr, age, values = asked, asked.get("max_age"), []
    for name in ("id_token", "acr"):  # as an API wrote it: anything may stand there
        acr = acr.get(name) if isinstance(acr, dict) else None
    if isinstance(acr, dict) and isinstance(acr.get("values"), list):
        values = [value for value in acr["values"] if isinstance(value, str)]
    query = {"acr_values": " ".join(values)} if values else {}
    query |= {"max_age": str(age)} if isinstance(age, int) else {}
    return query


def parameters(text: str) -> dict[str, str]:
    """Read the parameters of a redirect: a whole address, or its query or fragment (RFC 6749 §4.1.2).

    A terminal breaks an address into lines, and chats and mails put it in brackets or quotes.

    Returns:
        Nothing where it holds none, or where one stands twice, which RFC 6749 §3.1 forbids.
    """
    text = _BLANKS.sub("", text).strip(_QUOTES)
    before, _, fragment = text.partition("#")
    for candidate in (fragment, before.partition("?")[2], text.lstrip("?#")):
        try:
            pairs = parse_qsl(candidate, max_num_fields=50) if _ANSWER.search(candidate) else []
        except ValueError:  # more of them
            pairs = []
        if pairs and len(dict(pairs)) == len(pairs):
            return dict(pairs)
    return {}


def is_answer(flow: Members, answer: Members) -> bool:
    """Tell whether a redirect is the answer to this sign-in (RFC 6749 §4.1.2, §10.12).

    The address that led to the provider has its state, too; an answer has a code or an error besides.
    """
    if "code" not in answer and "error" not in answer:
        return False
    # What was pasted may hold half a character, which has no bytes.
    return hmac.compare_digest(str(flow["state"]).encode(), answer.get("state", "").encode(errors="replace"))


def is_stray(answer: Members) -> bool:
    """Tell whether a redirect that is not this sign-in's answer is one at all, so that somebody should hear of it."""
    return bool(answer.get("error") or answer.get("code"))


def is_anonymous_refusal(answer: Members) -> bool:
    """Tell whether a redirect is an error that does not say of which sign-in.

    RFC 6749 §4.1.2.1 demands the state beside an error. oidc-provider-mock is one that leaves it out.
    """
    return bool(answer.get("error")) and "state" not in answer and "code" not in answer


def finish(attempt: SignInAttempt, flow: HiddenMapping, answer: HiddenMapping) -> HiddenMapping:
    """Redeem the code.

    Args:
        attempt: the sign-in.
        flow: what `start` returned.
        answer: the redirect's parameters; its state was compared.

    Returns:
        MSAL's result, with tokens.

    Raises:
        SignInRefused: the person said no.
        SignInFailed: the provider answered with an error, or the answer is not this provider's.
        ProviderUnavailable: the provider cannot be reached.
    """
    profile = attempt.profile
    with provider_errors(profile):
        _check_issuer(attempt, answer)
        raise_for_error(answer, profile, attempt.scopes)
        try:
            result = HiddenMapping(attempt.application.acquire_token_by_auth_code_flow(flow.reveal(), answer.reveal()))
        except RuntimeError as error:  # the nonce, or before MSAL 1.38 the times; its message quotes the token
            off = None if "nonce" in str(error) else what_is_off(attempt.application)
            raise _not_ours(attempt, off or "the ID token answers another sign-in") from None
        except ValueError:
            raise _not_ours(attempt, "the redirect belongs to another sign-in") from None
    raise_for_error(result, profile, attempt.scopes)
    return result


def _check_issuer(attempt: SignInAttempt, answer: HiddenMapping) -> None:
    """Refuse an answer of another provider, so that its code is not redeemed at ours: mix-up (RFC 9207 §2.4)."""
    document = discover(attempt.profile, attempt.application)
    if "iss" in answer:
        if not issuers.is_answer_of(attempt.profile.resolved_authority, document["issuer"], answer["iss"]):
            raise _not_ours(attempt, "the redirect came from another provider")
    elif "code" in answer and document.get("authorization_response_iss_parameter_supported") is True:
        raise _not_ours(attempt, "the redirect does not say which provider it came from, and this one always does")


def _not_ours(attempt: SignInAttempt, reason: str) -> SignInFailed:
    name = attempt.profile.name
    return SignInFailed(f"Profile {name!r}: {reason}. Nothing was kept.", profile=name, next_step=to_run(Login(name)))
