"""From a profile and its caches to MSAL's client application: a pure factory."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Any

import msal
import requests

from nbauth.errors import ConfigError, ProviderUnavailable, SignInFailed, SignInRefused, SignInRequired
from nbauth.signin import log_filter
from nbauth.signin.http_cache import endpoints_allowed
from nbauth.signin.transport import AnswerRefused, ProviderBusy

if TYPE_CHECKING:
    from collections.abc import Iterator, MutableMapping

    from nbauth.signin.profiles import Profile
    from nbauth.signin.transport import GuardedTransport

__all__ = ["build", "login_command", "provider_errors", "raise_for_error"]

_AADSTS = re.compile(r"AADSTS\d+")
# What only a person can mend (OpenID Connect Core §3.1.2.6; RFC 6749 §5.2 for a refresh token that is spent).
_NEEDS_A_PERSON = frozenset({"invalid_grant", "interaction_required", "login_required", "consent_required"})


def build(
    profile: Profile,
    *,
    token_cache: msal.TokenCache,
    http_cache: MutableMapping[str, Any],
    transport: GuardedTransport,
) -> msal.ClientApplication:
    """Make the client application of a profile.

    MSAL asks the provider for its discovery document here, unless `http_cache` holds it.

    Args:
        profile: whose application.
        token_cache: where its tokens live.
        http_cache: MSAL's http cache.
        transport: the guarded http client.

    Returns:
        A `msal.PublicClientApplication` for a person, a `msal.ConfidentialClientApplication` for an application.

    Raises:
        ConfigError: a credential cannot be read, or the provider does not know the authority.
        ProviderUnavailable: the provider is down, not trusted, or names endpoints on hosts that are not its own.
    """
    options: dict[str, Any] = {
        "token_cache": token_cache,
        "http_cache": http_cache,
        "http_client": transport,
        # The hosts are known: MSAL's own, or the person's who wrote the profile. The check below is the stricter one.
        "instance_discovery": False,
        "exclude_scopes": list(profile.exclude_scopes) or None,
    }
    options["oidc_authority" if profile.oidc_authority else "authority"] = profile.authority_url
    if profile.kind == "application":
        options["client_credential"] = _credential(profile)
    kind = msal.ConfidentialClientApplication if profile.kind == "application" else msal.PublicClientApplication
    with provider_errors(profile), _constructing(profile):
        application = kind(profile.client_id, **options)
    log_filter.install()
    authority = application.authority
    endpoints = {
        "authorization_endpoint": authority.authorization_endpoint,
        "token_endpoint": authority.token_endpoint,
        "device_authorization_endpoint": authority.device_authorization_endpoint,
    }
    if not endpoints_allowed(endpoints, profile.allowed_hosts):
        raise ProviderUnavailable(
            f"Profile {profile.name!r}: the discovery document of {profile.authority_host} names endpoints "
            "on other hosts.",
            next_step="If they are the provider's own, add them to the profile's endpoint_hosts.",
        )
    return application


def _credential(profile: Profile) -> Any:
    # One branch for each kind of client credential (RFC 6749 §2.3, RFC 7523 §2.2); a new one goes here.
    if profile.client_secret:
        return profile.client_secret.read()
    if profile.client_certificate:
        return profile.client_certificate.credential()
    if profile.client_assertion:
        return {"client_assertion": profile.client_assertion.read}  # MSAL calls it for each request
    raise AssertionError(profile)


@contextlib.contextmanager
def _constructing(profile: Profile) -> Iterator[None]:
    """Translate what MSAL's constructor raises."""
    try:
        yield
    except KeyError as error:
        raise ProviderUnavailable(
            f"Profile {profile.name!r}: the discovery document of {profile.authority_host} lacks {error}.",
            next_step="Check the authority in the profile.",
        ) from None
    except ValueError as error:
        text = str(error)
        if profile.client_certificate and "discovery" not in text.lower() and "authority" not in text.lower():
            raise ConfigError(
                f"{profile.client_certificate.key}: {profile.client_certificate.path} cannot be used: {text}."
            ) from None
        raise ConfigError(
            f"Profile {profile.name!r}: {profile.authority_host} does not know {profile.authority_url}.",
            next_step="Check the tenant and the authority in the profile.",
        ) from None


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
            f"Profile {profile.name!r}: {error}.", next_step=f"Try again in {error.retry_after_s:.0f} s."
        ) from None
    except AnswerRefused as error:
        raise ProviderUnavailable(
            f"Profile {profile.name!r}: {error}.", next_step="Check the authority in the profile."
        ) from None
    except requests.exceptions.SSLError as error:
        reason = "does not match its name" if "match" in str(error).lower() else "is not trusted"
        raise ProviderUnavailable(
            f"Profile {profile.name!r}: the certificate of {host} {reason}.",
            next_step="If it is issued inside your organisation, name its authorities as ca_bundle in the profile.",
        ) from None
    except requests.exceptions.Timeout:
        raise ProviderUnavailable(
            f"Profile {profile.name!r}: {host} did not answer in time.",
            next_step="Try again, or check the network.",
        ) from None
    except requests.exceptions.ProxyError:
        raise ProviderUnavailable(
            f"Profile {profile.name!r}: the proxy on the way to {host} refuses.",
            next_step="Check HTTPS_PROXY.",
        ) from None
    except (requests.RequestException, ConnectionError):
        raise ProviderUnavailable(
            f"Profile {profile.name!r}: {host} cannot be reached.",
            next_step="Check the network, and the authority in the profile.",
        ) from None
    except msal.exceptions.MsalServiceError as error:
        raise ProviderUnavailable(f"Profile {profile.name!r}: {host}: {error}.") from None


def login_command(profile: str) -> str:
    """Return the line that signs a person in."""
    return f"Run: %login {profile}"


def raise_for_error(
    result: dict[str, Any],
    profile: Profile,
    scopes: tuple[str, ...],
    *,
    silent: bool = False,
    claims: str | None = None,
) -> None:
    """Raise the exception for an OAuth error answer (RFC 6749 §5.2).

    Args:
        result: what MSAL returned.
        profile: whose sign-in.
        scopes: what was asked for.
        silent: nobody was asked: what a person can mend is then `SignInRequired`.
        claims: the claims challenge that the request was to meet.

    Raises:
        SignInRequired: a person has to sign in again.
        SignInRefused: consent was refused.
        SignInFailed: every other error.
    """
    error = result.get("error")
    if not error:
        return
    description = _first_line(str(result.get("error_description") or ""))
    number = _AADSTS.search(description)
    code = number.group() if number else None
    text = description or f"the provider answered {error}"
    if silent and profile.kind == "person" and error in _NEEDS_A_PERSON:
        raise SignInRequired(
            f"Profile {profile.name!r}: the sign-in is no longer good ({text}).",
            profile=profile.name,
            scopes=scopes,
            claims=result.get("claims") or claims,
            next_step=login_command(profile.name),
        )
    kind = SignInRefused if error in ("access_denied", "authorization_declined") else SignInFailed
    raise kind(
        f"Profile {profile.name!r}: {text}",
        profile=profile.name,
        error=str(error),
        code=code,
        next_step=_next_step(str(error), code, profile),
    )


def _next_step(error: str, code: str | None, profile: Profile) -> str:
    where = profile.source or f"profile {profile.name!r}"
    if code == "AADSTS50011":
        return "Register the redirect URI for this application, or set redirect_uri in the profile."
    if code == "AADSTS700016" or error in ("unauthorized_client", "invalid_client"):
        what = "client_id and its credential" if profile.kind == "application" else "client_id"
        return f"Check {what} in {where}."
    if error in ("access_denied", "authorization_declined"):
        return f"{login_command(profile.name)} to try again."
    if error == "invalid_scope":
        return f"Check the scopes under apis in {where}."
    return login_command(profile.name) if profile.kind == "person" else f"Check {where}."


def _first_line(description: str) -> str:
    # Entra adds trace and correlation ids and a time on further lines, or after two blanks.
    line = re.split(r"[\r\n]|\s+Trace ID:", description.strip(), maxsplit=1)[0]
    return "".join(c for c in line if c.isprintable())[:500].strip()
