"""What tests may turn while the provider runs: lifetimes, strictness, and the clock."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Clock", "Settings"]


@dataclass(kw_only=True)
class Settings:
    """The provider's settings; assign to them at any time.

    Attributes:
        access_token_s: seconds that an access token lives.
        id_token_s: seconds that an ID token lives.
        refresh_token_s: seconds that a refresh token lives.
        code_s: seconds that an authorization code lives.
        device_code_s: seconds that a device code lives.
        interval_s: seconds between polls that a device is told; half of it or more is let pass.
        refresh_in_s: the `refresh_in` of token responses; None for none.
        rotate_refresh_tokens: give a new refresh token at each use and take a second use for theft.
        one_use_assertions: refuse a client assertion whose `jti` was seen. Off, because MSAL sends the same assertion
            for nine minutes and Entra lets it.
        misissued_tenant_id: the tenant that ID tokens name, whatever was asked for; a provider that issues wrongly.
        claims_need_person: answer a claims challenge at the token endpoint with `interaction_required`.
        guests: whom the partner's tenant knows, by key; their refresh tokens are good there, too.
        consent_first: identifiers of the resources that a person has to be asked about on the page first.
        tell_lifetime: say in token responses how long a token lives.
        id_token_claims: what ID tokens say in the place of what is true; None leaves a claim out.
        client_info: what `client_info` says in the place of what is true, in plain OpenID realms, too.
        id_token_at_refresh: answer a refresh with an ID token, which OpenID Connect Core §12.2 leaves open.
        ext_expires_in_s: the `ext_expires_in` of token responses, where it is another than the life time.
        secret_ways: how a client may send its secret: `client_secret_post`, `client_secret_basic`, or both.
        tell_secret_ways: list them in the discovery document; otherwise it does not say how clients prove themselves.
    """

    access_token_s: int = 3600
    id_token_s: int = 3600
    refresh_token_s: int = 86_400
    code_s: int = 60
    device_code_s: int = 900
    interval_s: int = 5
    refresh_in_s: int | None = None
    rotate_refresh_tokens: bool = True
    one_use_assertions: bool = False
    claims_need_person: bool = False
    misissued_tenant_id: str | None = None
    guests: frozenset[str] = frozenset({"alice"})
    consent_first: frozenset[str] = frozenset()
    tell_lifetime: bool = True
    id_token_claims: Mapping[str, Any] = field(default_factory=dict)
    client_info: Mapping[str, str] | None = None
    id_token_at_refresh: bool = True
    ext_expires_in_s: int | None = None
    secret_ways: tuple[str, ...] = ("client_secret_post", "client_secret_basic")
    tell_secret_ways: bool = True

    def reset(self) -> None:
        """Return to the defaults."""
        fresh = Settings()
        for each in fields(self):
            setattr(self, each.name, getattr(fresh, each.name))


class Clock:
    """The time that provider and API live in; tests move it instead of waiting."""

    def __init__(self) -> None:
        self._ahead_s = 0.0

    def __call__(self) -> float:
        """Return the time, in seconds since the epoch."""
        return time.time() + self._ahead_s

    def advance(self, seconds: float) -> None:
        """Move on, or back."""
        self._ahead_s += seconds

    def reset(self) -> None:
        """Return to the machine's own time."""
        self._ahead_s = 0.0
