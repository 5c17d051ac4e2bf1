"""A managed identity: the machine's own, given by Azure to what runs there; no secret is kept anywhere.

MSAL finds out where it runs and asks the endpoint of that place: the metadata service of a virtual machine, or what App
Service, Azure Machine Learning or Azure Arc name in environment variables. All of them answer over plain http on the
machine itself, so that only such addresses are asked: a cloned folder's ``.env`` could name another one.
"""

from __future__ import annotations

import ipaddress
import os
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msal
import requests
import urllib3

from nbauth.errors import ConfigError, ProviderUnavailable
from nbauth.net.origins import is_loopback, redact_url
from nbauth.net.redirects import NoRedirects, is_redirection
from nbauth.net.sanitize import clean
from nbauth.signin.http.token_response import problem
from nbauth.signin.http.transport import Answer, without_request

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nbauth.signin.profile.profile import Profile

__all__ = ["LocalTransport", "acquire", "build"]

_CONNECT_S, _READ_S, _TOTAL_S = 2.0, 15.0, 20.0  # nobody listens where there is no managed identity
_LARGEST = 256 * 1024
_LONGEST_WORDS = 200
# MSAL reads the answer as what it should be.
_UNREADABLE = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
_SERVICE_FABRIC = ("IDENTITY_ENDPOINT", "IDENTITY_HEADER", "IDENTITY_SERVER_THUMBPRINT")
# https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token#error-handling
_LATER = (404, 410, 429)


class _Client(msal.ManagedIdentityClient):  # type: ignore[misc]  # MSAL ships no types
    """MSAL's client with the two names that every other client application has."""

    def __init__(self, identity: Any, *, token_cache: msal.TokenCache, **options: Any) -> None:
        super().__init__(identity, token_cache=token_cache, **options)
        self.token_cache = token_cache

    def remove_tokens_for_client(self) -> None:
        """Forget every token: the cache is this client's alone."""
        for token in list(self.token_cache.search(msal.TokenCache.CredentialType.ACCESS_TOKEN)):
            self.token_cache.remove_at(token)


class _NotNow(requests.RequestException):
    """The endpoint answered that it cannot just now, or does not know the address; MSAL keeps a still valid token."""


class LocalTransport:
    """MSAL's ``http_client`` for managed identities: this machine and its link, nothing else."""

    def get(self, url: str, **options: Any) -> Answer:
        """Send a GET."""
        return self._send("GET", url, **options)

    def post(self, url: str, **options: Any) -> Answer:
        """Send a POST."""
        return self._send("POST", url, **options)

    def close(self) -> None:
        """Do nothing: each request has a connection of its own."""

    def _send(
        self, method: str, url: str, *, params: Any = None, data: Any = None, headers: Any = None, **_: Any
    ) -> Answer:
        if not _is_here(url):
            raise requests.exceptions.InvalidURL(f"{redact_url(url)} is not on this machine")
        deadline = time.monotonic() + _TOTAL_S
        with (
            without_request(),
            NoRedirects() as session,
            session.request(
                method,
                url,
                params=params,
                data=data,
                headers={**(headers or {}), "Accept-Encoding": "identity"},
                timeout=(_CONNECT_S, _READ_S),
                allow_redirects=False,
                stream=True,
            ) as answer,
        ):
            if is_redirection(answer.status_code):
                raise requests.RequestException(f"HTTP {answer.status_code}, a redirect, which is never followed")
            body = b"".join(_bounded(answer, deadline)).decode("utf-8", "replace")
            if answer.status_code in _LATER or answer.status_code >= 500:  # noqa: PLR2004 - RFC 9110 §15.6
                raise _NotNow(f"HTTP {answer.status_code}: {clean(body, _LONGEST_WORDS) or 'nothing else'}")
            # Arc answers 401 with the place of a file that proves who asks.
            kept = {k: v for k, v in answer.headers.items() if k.lower() in ("www-authenticate", "retry-after")}
            return Answer(answer.status_code, body, kept)


def _is_here(url: str) -> bool:
    parts = urlsplit(url)
    if parts.scheme != "http" or "@" in parts.netloc:
        return False
    try:
        return is_loopback(url) or ipaddress.ip_address(parts.hostname or "").is_link_local
    except ValueError:
        return False


def _bounded(answer: requests.Response, deadline: float) -> Iterator[bytes]:
    size = 0
    try:
        # What is there at once: `iter_content` waits for a whole piece, however long the server takes over it.
        while part := answer.raw.read1(8192):
            size += len(part)
            if size > _LARGEST:
                raise requests.exceptions.ContentDecodingError("the answer is larger than 256 KiB")
            if time.monotonic() > deadline:
                raise requests.exceptions.ReadTimeout
            yield part
    except urllib3.exceptions.HTTPError:
        raise requests.exceptions.ConnectionError from None


def build(profile: Profile, token_cache: msal.TokenCache) -> msal.ManagedIdentityClient:
    """Make MSAL's client of a managed identity; nothing is asked yet."""
    identity = profile.managed_identity
    assert identity is not None
    if identity.id_type is None:
        which = msal.SystemAssignedManagedIdentity()
    else:
        which = msal.UserAssignedManagedIdentity(**{identity.id_type: identity.identifier})
    return _Client(
        which,
        http_client=LocalTransport(),
        token_cache=token_cache,
        client_capabilities=list(profile.client_capabilities) or None,
    )


def acquire(
    application: msal.ManagedIdentityClient,
    profile: Profile,
    scopes: tuple[str, ...],
    *,
    forced: bool,
    claims: str | None,
) -> dict[str, Any]:
    """Get a token.

    Args:
        application: MSAL's client.
        profile: whose.
        scopes: one ``RESOURCE/.default``; these endpoints know resources only.
        forced: do not take it from MSAL's cache.
        claims: a claims challenge, or None.

    Returns:
        MSAL's result, or its error.

    Raises:
        ConfigError: the scopes are not one resource's.
        ProviderUnavailable: this machine has no managed identity, or the endpoint does not answer.
    """
    if len(scopes) != 1 or not scopes[0].endswith("/.default"):
        raise ConfigError(
            f"Profile {profile.name!r}: a managed identity asks for one scope such as "
            f"https://storage.azure.com/.default for each API; found {', '.join(scopes) or 'none'}."
        )
    if all(name in os.environ for name in _SERVICE_FABRIC):
        raise ConfigError(
            f"Profile {profile.name!r}: the managed identities of Service Fabric are not supported: their endpoint is "
            "on another machine.",
            next_step=f"Use another credential; or, where this is no Service Fabric, unset {_SERVICE_FABRIC[-1]}.",
        )
    if forced:
        application.remove_tokens_for_client()
    try:
        result: dict[str, Any] = application.acquire_token_for_client(
            resource=scopes[0].removesuffix("/.default"), claims_challenge=claims
        )
    except (requests.exceptions.ConnectionError, requests.exceptions.Timeout):
        raise ProviderUnavailable(
            f"Profile {profile.name!r}: this machine has no managed identity: its metadata service does not answer.",
            next_step="Run it where Azure gives one, or use a profile with another credential.",
        ) from None
    except requests.exceptions.InvalidURL as error:
        raise ConfigError(
            f"Profile {profile.name!r}: the environment names an endpoint for managed identities, and {error}.",
            next_step="Check IDENTITY_ENDPOINT, MSI_ENDPOINT and AZURE_POD_IDENTITY_AUTHORITY_HOST.",
        ) from None
    except _NotNow as error:
        raise ProviderUnavailable(
            f"Profile {profile.name!r}: the machine's endpoint for managed identities answered {error}.",
            next_step="Try again; if it stays so, check the scope, and the identity that is assigned to this machine.",
        ) from None
    except (requests.RequestException, *_UNREADABLE):
        result = {}
    if problem(result) is not None:
        application.remove_tokens_for_client()
        raise ProviderUnavailable(
            f"Profile {profile.name!r}: the machine's endpoint for managed identities answered with something else "
            "than a token.",
            next_step="Try again, or check the identity that is assigned to this machine.",
        )
    return result
