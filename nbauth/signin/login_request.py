"""LoginRequest: what a caller may say of a sign-in, checked once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nbauth.errors import ConfigError
from nbauth.signin.flows import FLOWS
from nbauth.signin.profile.resolve import by_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nbauth.signin.flows import FlowName
    from nbauth.signin.profile.config import Config
    from nbauth.signin.profile.profile import Profile

__all__ = ["LoginRequest"]


@dataclass(frozen=True, kw_only=True)
class LoginRequest:
    """What `nbauth.login`, its magic and the panel take, but for who asks the person.

    Attributes:
        profile: name of the profile, or ``"default"``.
        flow: one of `FLOWS`.
        scopes: what to ask for, one or several; by default the scopes of the profile's first API.
        account: the sign-in name that is wanted.
        tenant: another tenant than the profile's, as a GUID or a domain.
        remember: keep the sign-in for later kernels.
        timeout_s: seconds that the person has.
        select_account: ask even if somebody is signed in, and let the person choose another account.

    Raises:
        ConfigError: one of them cannot be meant.
    """

    profile: str = "default"
    flow: FlowName = "auto"
    scopes: Iterable[str] | None = None
    account: str | None = None
    tenant: str | None = None
    remember: bool = False
    timeout_s: float = 300.0
    select_account: bool = False

    def __post_init__(self) -> None:
        if self.flow not in FLOWS:
            raise ConfigError(f"There is no flow {self.flow!r}.", next_step=f"Use one of {', '.join(FLOWS)}.")
        if self.timeout_s <= 0:
            raise ConfigError(f"timeout_s: expected more than 0 seconds, found {self.timeout_s}.")
        scopes = (self.scopes,) if isinstance(self.scopes, str) else tuple(self.scopes or ())
        object.__setattr__(self, "scopes", scopes)

    def profile_in(self, config: Config) -> Profile:
        """Return the profile that is meant, in the tenant that is wanted.

        Raises:
            ConfigError: there is none, or the tenant is no tenant of its provider.
        """
        profile = by_name(config, self.profile)
        return profile if self.tenant is None else profile.with_tenant(self.tenant)

    def scopes_for(self, profile: Profile) -> tuple[str, ...]:
        """Return what to ask for: what was said, or else the scopes of the profile's first API."""
        return tuple(self.scopes or ()) or profile.login_scopes
