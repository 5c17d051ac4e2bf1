"""SignInRequest: who asks for a sign-in, and where the tokens may go; what a person should see before they sign in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nbauth.net.origins import display_url

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from nbauth.signin.profile.profile import Profile

__all__ = ["DEFAULT_REDIRECT_URI", "SignInRequest", "what_to_check"]

DEFAULT_REDIRECT_URI = "http://localhost"


def what_to_check(profile: Profile) -> str:
    """Return what is wrong where a provider's page does not go on, as the rest of a sentence."""
    where = profile.file or f"profile {profile.name!r}"
    uri = profile.redirect_uri or DEFAULT_REDIRECT_URI
    return f"check client_id {profile.client_id} in {where}, and that {uri} is registered as redirect URI"


@dataclass(frozen=True, kw_only=True)
class SignInRequest:
    """Who asks, and where the tokens may go.

    Hosts are in ASCII (IDNA): a name in another script may look like any other. All other texts are as they were
    written, and have to be made printable before they are shown.

    Attributes:
        profile: name of the profile.
        flow: name of the flow that was asked for; ``"auto"`` where it is to be chosen.
        authority_host: host of the identity provider.
        client_id: the application that asks.
        tenant: tenant or audience, or None where the provider has none.
        apis: the origins that the tokens may be sent to, and the scopes that each of them needs.
        scopes: what this sign-in asks for.
        source: where the profile was written: a file, the environment, or code.
        timeout_s: seconds until the sign-in gives up.
        redirect_uri: where the provider sends the browser back to, where it is not ``http://localhost``.
        ca_bundle: file of certificate authorities that are trusted besides the usual ones.
        proxies: the proxies to the provider by scheme; empty for none at all; None for those of the environment.
        endpoint_hosts: other hosts that belong to the same provider.
    """

    profile: str
    flow: str
    authority_host: str
    client_id: str
    tenant: str | None
    apis: Mapping[str, tuple[str, ...]]
    scopes: tuple[str, ...]
    source: str
    timeout_s: float
    redirect_uri: str | None = None
    ca_bundle: str | None = None
    proxies: Mapping[str, str] | None = None
    endpoint_hosts: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, profile: Profile, *, flow: str = "auto", scopes: Iterable[str] | None = None, timeout_s: float = 300.0
    ) -> SignInRequest:
        """Make the request of a profile.

        Args:
            profile: whose sign-in it is.
            flow: name of the flow.
            scopes: what to ask for; by default the scopes of the profile's first API.
            timeout_s: seconds until the sign-in gives up.
        """
        return cls(
            profile=profile.name,
            flow=flow,
            authority_host=profile.authority_host,
            client_id=profile.client_id,
            tenant=profile.resolved_authority.tenant,
            apis={display_url(origin): needed for origin, needed in profile.apis.items()},
            scopes=profile.login_scopes if scopes is None else tuple(scopes),
            source=profile.written_in,
            timeout_s=timeout_s,
            redirect_uri=None if profile.redirect_uri is None else display_url(profile.redirect_uri),
            ca_bundle=profile.ca_bundle,
            proxies=None if profile.proxies is None else {k: display_url(v) for k, v in profile.proxies.items()},
            endpoint_hosts=tuple(display_url(f"https://{h}").removeprefix("https://") for h in profile.endpoint_hosts),
        )

    @property
    def origins(self) -> tuple[str, ...]:
        """The origins that the tokens may be sent to."""
        return tuple(self.apis)
