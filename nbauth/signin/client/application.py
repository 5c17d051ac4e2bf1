"""From a profile and its caches to MSAL's client application: a factory that keeps nothing and installs nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msal

from nbauth.environment import notebook_directory
from nbauth.signin.client import broker, client_assertion, managed_identity, pipeline_assertion
from nbauth.signin.client.provider_errors import construction_errors, provider_errors
from nbauth.signin.client.token_cache import NothingKept
from nbauth.signin.http import instance_discovery
from nbauth.signin.http.further_parameters import FurtherParameters
from nbauth.signin.http.region import KnownRegion
from nbauth.signin.oidc.discovery import discover
from nbauth.signin.oidc.provider_client import ProviderClient
from nbauth.signin.profile.added_scopes import ADDED
from nbauth.signin.profile.credentials import Supplied
from nbauth.signin.profile.pipeline_token import PipelineToken

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbauth.signin.http.http_cache import HttpCache
    from nbauth.signin.http.transport import GuardedTransport, HttpClient
    from nbauth.signin.profile.certificate import ClientCertificate
    from nbauth.signin.profile.profile import Profile

__all__ = ["build", "without_reserved_scopes"]


def build(
    profile: Profile,
    *,
    token_cache: msal.TokenCache,
    http_cache: HttpCache,
    transport: GuardedTransport,
    region: str | None = None,
) -> msal.ClientApplication:
    """Make the client application of a profile.

    MSAL asks the provider for its discovery document here, unless `http_cache` holds it.

    Args:
        profile: whose application.
        token_cache: where its tokens live.
        http_cache: MSAL's http cache.
        transport: the guarded http client.
        region: the Azure region whose token service an application asks, or None.

    Returns:
        A `msal.PublicClientApplication`, a `msal.ConfidentialClientApplication` where there is a credential, or a
        `msal.ManagedIdentityClient`.

    Raises:
        ConfigError: a credential cannot be read, or the provider does not know the authority.
        ProviderUnavailable: the provider is down, not trusted, or names endpoints on hosts that are not its own.
    """
    if profile.managed_identity is not None:
        return managed_identity.build(profile, token_cache)
    authority = profile.resolved_authority
    http_client: HttpClient = instance_discovery.OptionalAliases(transport)
    if profile.authorization_parameters:
        http_client = FurtherParameters(http_client, profile.authorization_parameters)
    if region:
        http_client = KnownRegion(http_client, region)
    # Called when a token is asked for, and by then there is an application.
    credential = _credential(profile, lambda: application.authority) if profile.is_confidential else None
    options: dict[str, Any] = {
        # MSAL takes nothing from its cache for a user who vouched, and would keep their refresh tokens past a sign-out.
        "token_cache": token_cache if profile.user_assertion is None else NothingKept(),
        "http_cache": http_cache,
        "http_client": ProviderClient(
            http_client,
            profile,
            http_cache=http_cache,
            application=lambda: application,
            assertion=credential.get("client_assertion") if isinstance(credential, dict) else None,
        ),
        "instance_discovery": instance_discovery.wanted(profile),
        "exclude_scopes": list(profile.exclude_scopes) or None,
        "client_capabilities": list(profile.client_capabilities) or None,
    }
    options["oidc_authority" if authority.kind == "oidc" else "authority"] = authority.msal_url
    if profile.is_confidential:
        options["client_credential"] = credential
        # False, not None: MSAL_FORCE_REGION, which a cloned folder's .env can set, would name another host.
        options["azure_region"] = region or False
    elif profile.broker:
        options |= broker.switches(profile)
    kind = msal.ConfidentialClientApplication if profile.is_confidential else msal.PublicClientApplication
    with provider_errors(profile), broker.loading(profile), construction_errors(profile):
        application = kind(profile.client_id, **options)
    with provider_errors(profile):
        document = discover(profile, application)  # MSAL has just fetched it, and compares neither hosts nor issuer
    if authority.kind == "oidc":  # Microsoft's own take what MSAL sends
        transport.client_secret.choose(document.get("token_endpoint_auth_methods_supported"))
    return application


def without_reserved_scopes(scopes: tuple[str, ...]) -> list[str]:
    """Return a person's scopes as MSAL takes them."""
    return [scope for scope in scopes if scope not in ADDED]


def _credential(profile: Profile, authority: Callable[[], Any]) -> Any:
    # One branch for each kind of client credential (RFC 6749 §2.3, RFC 7523 §2.2); a new one goes here. MSAL keeps a
    # secret, and calls for an assertion at each request.
    if profile.client_secret is not None:
        return profile.client_secret.read().reveal()
    if profile.client_certificate is not None:
        return {"client_assertion": _signed(profile.client_id, profile.client_certificate, authority)}
    supplied = profile.client_assertion
    assert supplied is not None
    if isinstance(supplied, Supplied):
        return {
            # Told here: MSAL 1.35 tells such functions nothing.
            "client_assertion": lambda: supplied.read(
                {"client_id": profile.client_id, "token_endpoint": authority().token_endpoint}
            ).reveal()
        }
    if isinstance(supplied, PipelineToken):
        return {"client_assertion": lambda: pipeline_assertion.read(supplied, untrusted=notebook_directory()).reveal()}
    return {"client_assertion": lambda: supplied.read().reveal()}


def _signed(client_id: str, certificate: ClientCertificate, authority: Callable[[], Any]) -> Callable[[], str]:
    client_assertion.load(certificate)  # what is wrong with it is said before anything is sent

    def sign() -> str:
        msal_authority = authority()
        return client_assertion.assertion(
            certificate, client_id=client_id, token_endpoint=msal_authority.token_endpoint, old=msal_authority.is_adfs
        )

    return sign
