"""What goes wrong on the way to the provider, and what it answers in place of tokens, as our own exceptions."""

from __future__ import annotations

import contextlib
import json
import logging
import re
from typing import TYPE_CHECKING

import msal
import requests

from nbauth.errors import (
    ConfigError,
    ProviderAnswer,
    ProviderUnavailable,
    SignInFailed,
    SignInRefused,
    SignInRequired,
)
from nbauth.net.proxies import proxy_for
from nbauth.net.sanitize import clean
from nbauth.net.unreachable import Failure, failure_of
from nbauth.next_step import Login, filled, to_run
from nbauth.signin.client.error_catalogue import NUMBER, Entry, cure, find, find_words, parts
from nbauth.signin.http.transport import AnswerRefused, NoEndpoint, ProviderBusy, RequestRefused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nbauth.net.secrecy import Members
    from nbauth.next_step import NextStep
    from nbauth.signin.profile.profile import Profile

__all__ = ["construction_errors", "login_command", "provider_errors", "raise_for_error"]

logger = logging.getLogger(__name__)

# Entra adds these on further lines, or after a blank.
_AFTERWORD = re.compile(r"[\r\n]|\s+(?:Trace ID|Correlation ID|Timestamp):")
_IN_TEXT = {
    "trace_id": re.compile(r"Trace ID: ([0-9A-Za-z-]{8,64})"),
    "correlation_id": re.compile(r"Correlation ID: ([0-9A-Za-z-]{8,64})"),
    "timestamp": re.compile(r"Timestamp: ([0-9:TZ. -]{8,40})"),
}
_LONGEST_WORDS = 200  # of the provider's own
_LONGEST_CLAIMS = 8 * 1024
_UNKNOWN = Entry(
    codes=(),
    title="the provider answered with an error",
    kind="failed",
    mends="author",
    cause="",
    cure="Run: {login}",
    sources=(),
)

_NOT_GRANTED = Entry(  # RFC 6749 §6: a refresh asks for nothing that the sign-in was not granted
    codes=(),
    title="this sign-in was not granted these scopes",
    kind="sign_in_required",
    mends="person",
    cause="A refresh brings no further ones.",
    cure="Run: {login_scopes}, or list them under the first API in {where}.",
    sources=(),
)


@contextlib.contextmanager
def construction_errors(profile: Profile) -> Iterator[None]:
    """Translate what MSAL's constructor raises.

    Raises:
        ConfigError: a credential cannot be used, or the provider does not know the authority.
        ProviderUnavailable: its discovery document is not one.
    """
    try:
        yield
    except KeyError as error:
        raise ProviderUnavailable(
            f"Profile {profile.name!r}: the discovery document of {profile.authority_host} lacks {error}.",
            next_step="Check the authority in the profile.",
        ) from None
    except requests.RequestException:
        raise  # some are a ValueError, too, such as that of a proxy's address
    except ValueError as error:
        text = str(error)
        if "does not match the authority" in text:  # MSAL's own, looser look at the issuer of an OpenID provider
            raise ProviderUnavailable(
                f"Profile {profile.name!r}: the discovery document of {profile.authority_url} is that of another "
                "issuer.",
                next_step="Write the issuer that it names as oidc_authority in the profile.",
            ) from None
        if profile.client_certificate and "discovery" not in text.lower() and "authority" not in text.lower():
            raise ConfigError(
                f"{profile.client_certificate.key}: {profile.client_certificate.path} cannot be used: {text}."
            ) from None
        raise ConfigError(
            f"Profile {profile.name!r}: {profile.authority_host} does not know {profile.authority_url}.",
            next_step=_what_to_write(profile),
        ) from None


def _what_to_write(profile: Profile) -> str:
    authority = profile.resolved_authority
    if authority.kind == "oidc":
        return (
            f"Check oidc_authority in the profile; its discovery document was looked for at {authority.discovery_url}."
        )
    if authority.is_known_to_microsoft:
        return "Check the tenant and the authority in the profile."
    return (
        "Check the tenant and the authority in the profile; if the provider does not speak as Entra does, write its "
        "issuer as oidc_authority."
    )


@contextlib.contextmanager
def provider_errors(profile: Profile) -> Iterator[None]:
    """Translate what goes wrong on the way to the provider.

    Raises:
        ProviderUnavailable: it is down, busy, not trusted, or answers with something else than OpenID.
    """
    host = profile.authority_host
    try:
        yield
    except ProviderBusy as error:
        raise ProviderUnavailable(
            f"Profile {profile.name!r}: {error}.",
            next_step=f"Try again in {error.retry_after_s:.0f} s.",
            has_answered=not error.has_to_wait,
        ) from None
    except NoEndpoint as error:
        raise ProviderUnavailable(
            f"Profile {profile.name!r}: {error}.",
            next_step=_where_it_leads(profile, error.leads_to),
            has_answered=True,
        ) from None
    except RequestRefused as error:
        raise ProviderUnavailable(
            f"Profile {profile.name!r}: {error}.", next_step=_of_client(profile), has_answered=True
        ) from None
    except AnswerRefused as error:
        raise ProviderUnavailable(
            f"Profile {profile.name!r}: {error}.",
            next_step="Check the authority in the profile.",
            has_answered=True,
        ) from None
    except (requests.RequestException, ConnectionError) as error:
        failure = failure_of(
            error, host, proxy_for(profile.authority_url, profile.proxies), ca_bundle=profile.ca_bundle
        )
        if failure is None and isinstance(error, requests.exceptions.Timeout):
            failure = Failure(f"{host} did not answer in time", "Try again, or check the network.")
        if failure is None:
            failure = Failure(f"{host} cannot be reached", "Check the network, and the authority in the profile.")
        raise ProviderUnavailable(f"Profile {profile.name!r}: {failure.what}.", next_step=failure.step) from None
    except msal.exceptions.MsalServiceError as error:
        raise ProviderUnavailable(f"Profile {profile.name!r}: {host}: {error}.") from None


def _where_it_leads(profile: Profile, leads_to: str | None) -> str:
    issuer, document, _ = (leads_to or "").partition("/.well-known/openid-configuration")
    if not document or not issuer.startswith("https://"):
        return "Check the authority in the profile."
    # Not followed: whoever can redirect a request would be the provider from then on.
    if profile.resolved_authority.kind != "oidc":
        return f"If {issuer} is where it is by now, correct the authority in the profile."
    return f'If that is where it is by now, write into the profile: oidc_authority = "{issuer}".'


def _of_client(profile: Profile) -> NextStep:
    """Return what to do where the provider refuses a request, and no code says why: as after `invalid_client`."""
    entry = find("invalid_client") or _UNKNOWN
    words, logins = parts(profile)
    return filled(cure(entry, profile), {**words, **logins})


def login_command(profile: str) -> NextStep:
    """Return the step that signs a person in."""
    return to_run(Login(profile))


def raise_for_error(
    result: Members,
    profile: Profile,
    scopes: tuple[str, ...],
    *,
    silent: bool = False,
    claims: str | None = None,
    flow: str | None = None,
) -> None:
    """Raise the exception for an OAuth error answer (RFC 6749 §4.1.2.1 and §5.2), with its usual cause and cure.

    Entra's number decides, then its suberror, then the OAuth error; `nbauth/signin/client/errors.toml` says what they
    mean.

    Args:
        result: what MSAL returned, or the parameters of a redirect.
        profile: whose sign-in.
        scopes: what was asked for.
        silent: nobody was asked: what a person can mend is then `SignInRequired`.
        claims: the claims challenge that the request was to meet.
        flow: the flow that runs, where the cure depends on it.

    Raises:
        SignInRequired: a person has to sign in again, or has to meet the claims that the answer asks for.
        SignInRefused: consent was refused.
        ConfigError: the profile names a place where it cannot sign in.
        ProviderUnavailable: the provider is busy or out of order.
        SignInFailed: every other error.
    """
    if not result.get("error"):
        return
    answer = _answer(result)
    logger.info("Profile %r: %s answered %s.", profile.name, profile.authority_host, answer)
    entry = _entry(answer)
    further = not set(scopes) <= set(profile.login_scopes)
    if silent and further and profile.kind == "person" and (answer.error, answer.code) == ("invalid_scope", None):
        entry = _NOT_GRANTED
    words, logins = parts(profile, scopes)
    # What OAuth's code usually means is no reason where the provider gives another one, in words or by a number.
    told = entry.general and answer.code not in entry.codes and bool(answer.code or answer.description)
    cause = "" if told else entry.cause.format_map(words)
    message = f"Profile {profile.name!r}: {entry.title.format_map(words)} ({_detail(answer, entry)}). {cause}".rstrip()
    next_step = filled(cure(entry, profile, flow=flow, told=told), {**words, **logins})
    asked = _claims(result)
    if profile.kind == "person" and (asked or (silent and entry.kind == "sign_in_required")):
        raise SignInRequired(
            message,
            profile=profile.name,
            scopes=scopes,
            claims=asked or claims,
            next_step=next_step,
            cause=cause or None,
            answer=answer,
        )
    if entry.kind in ("config", "unavailable"):
        elsewhere = ConfigError if entry.kind == "config" else ProviderUnavailable
        raise elsewhere(message, next_step=next_step, cause=cause or None, answer=answer)
    kind = SignInRefused if entry.kind == "refused" else SignInFailed
    raise kind(
        message,
        profile=profile.name,
        error=answer.error,
        code=answer.code,
        next_step=next_step,
        cause=cause or None,
        answer=answer,
    )


def _entry(answer: ProviderAnswer) -> Entry:
    """Return what explains an answer: the first of what says most."""
    by_number, by_error = find(answer.code, answer.suberror), find(answer.error)
    by_words = find_words(answer.description) if by_error is None or by_error.general else None
    return by_number or by_words or by_error or _UNKNOWN


def _answer(result: Members) -> ProviderAnswer:
    """Read an answer that somebody else wrote: any member may be missing, or of any type."""
    text = str(result.get("error_description") or "")[:4_000]
    listed = result.get("error_codes")
    numbers = [f"AADSTS{number}" for number in (listed if isinstance(listed, list) else []) if _is_number(number)]
    numbers += NUMBER.findall(text)
    found = {name: pattern.search(text) for name, pattern in _IN_TEXT.items()}
    given = {
        name: clean(str(result[name]), 64) if result.get(name) else match and match[1].strip()
        for name, match in found.items()
    }
    return ProviderAnswer(
        error=clean(str(result["error"]), 80),
        # An answer may carry several; the first that is known says most.
        code=next(filter(find, numbers), next(iter(numbers), None)),
        suberror=clean(str(result["suberror"]), 80) if result.get("suberror") else None,
        description=clean(_AFTERWORD.split(text.strip(), maxsplit=1)[0], _LONGEST_WORDS),
        **given,
    )


def _is_number(value: object) -> bool:
    return NUMBER.fullmatch(f"AADSTS{value}") is not None


def _claims(result: Members) -> str | None:
    """Return the claims that an answer asks for (OpenID Connect Core §5.5), if they are an object of bearable size."""
    claims = result.get("claims")
    if not isinstance(claims, str) or len(claims) > _LONGEST_CLAIMS:
        return None
    try:
        return claims if isinstance(json.loads(claims), dict) else None
    except (ValueError, RecursionError):
        return None


def _detail(answer: ProviderAnswer, entry: Entry) -> str:
    """Return what can be looked up: a known number, or else the provider's own words."""
    if answer.code in entry.codes:
        return str(answer.code)
    words = answer.description.rstrip(".")
    return words if words.startswith("AADSTS") else ": ".join(filter(None, (answer.error, words)))
