"""A profile's provider, asked just now: discovery, keys and clock; then a token, or an authorization request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbauth.doctor.authorization import try_authorization
from nbauth.doctor.finding import Finding, failed
from nbauth.environment import notebook_directory
from nbauth.errors import NbauthError
from nbauth.net.bundles import bundle_of
from nbauth.net.origins import display_url
from nbauth.signin import login
from nbauth.signin.client.provider_errors import provider_errors
from nbauth.signin.client.token_cache import new_cache
from nbauth.signin.http.clock_skew import what_is_off
from nbauth.signin.oidc.discovery import discover, get_json
from nbauth.signin.tokens.connection import connect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from nbauth.signin.profile.profile import Profile
    from nbauth.signin.tokens.connection import Connection

__all__ = ["connect_anew", "examine"]


def connect_anew(profile: Profile) -> Connection:
    """Return a connection for which the provider was asked just now: nothing of it was kept, and nothing will be.

    Args:
        profile: one that needs no approval, or has it.

    Raises:
        ConfigError, ProviderUnavailable: as `nbauth.signin.tokens.connection.connect`.
    """
    return connect(
        profile,
        bundle=bundle_of(profile.ca_bundle),
        token_cache=new_cache(),
        cache_file=None,
        notebook_directory=notebook_directory(),
    )


def examine(profile: Profile, connect_to: Callable[[Profile], Connection]) -> Iterator[Finding]:
    """Yield what a profile's provider says.

    Args:
        profile: one that has a provider.
        connect_to: returns a connection of a profile that knows nothing yet.
    """
    topic = f"profile {profile.name}"
    try:
        connection = connect_to(profile)
        if profile.managed_identity is None:
            yield _answers(connection)
            yield from _clock(connection)
    except NbauthError as error:
        yield failed(topic, error)
        return
    if profile.kind == "application":
        yield from _tokens(connection)
    elif not profile.broker:
        yield try_authorization(connection, bundle=bundle_of(profile.ca_bundle), directory=notebook_directory())


def _answers(connection: Connection) -> Finding:
    profile = connection.profile
    with provider_errors(profile):
        document = discover(profile, connection.application)
        keys = get_json(connection.application, document["jwks_uri"]).get("keys")
    text = f"the provider answers: {display_url(profile.authority_url)}"
    if not isinstance(keys, list) or not keys:
        text = f"{text}, but {document['jwks_uri']} holds no keys, so that no ID token can be verified."
        return Finding(
            topic=f"profile {profile.name}", level="error", text=text, cure="Tell whoever runs the provider."
        )
    return Finding(topic=f"profile {profile.name}", level="ok", text=f"{text}.")


def _clock(connection: Connection) -> Iterator[Finding]:
    off = what_is_off(connection.application)
    if off is not None:
        cure = "Set this machine's clock, or have it set by NTP."
        yield Finding(topic=f"profile {connection.profile.name}", level="warning", text=f"{off}.", cure=cure)


def _tokens(connection: Connection) -> Iterator[Finding]:
    """Yield for which rows of `apis` an application gets a token."""
    profile = connection.profile
    topic = f"profile {profile.name}"
    told: set[tuple[str, ...]] = set()
    for origin, scopes in profile.apis.items():
        if scopes in told:
            continue
        told.add(scopes)
        where = display_url(origin)
        try:
            signed_in = login.sign_in_application(connection, scopes=scopes, timeout_s=profile.timeout_s)
        except NbauthError as error:
            yield failed(topic, error)
            continue
        account = signed_in.account
        by = "managed_identity" if profile.managed_identity else _credential(profile)
        text = f"a token for {where} ({' '.join(scopes) or 'no scopes'}) was had by {by}, as {account.username}."
        yield Finding(topic=topic, level="ok", text=text)
        if account.not_granted:
            left_out = " ".join(account.not_granted)
            cure = f"Have an administrator grant them to {profile.client_id}, or take them out of apis."
            text = f"the provider left out what was asked for: {left_out}."
            yield Finding(topic=topic, level="warning", text=text, cure=cure)


def _credential(profile: Profile) -> str:
    names = ("client_secret", "client_certificate", "client_assertion")
    return next((name for name in names if getattr(profile, name) is not None), "its client_id")
