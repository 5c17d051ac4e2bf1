"""AccessToken: a token, and how long it is good by two clocks, one of which may be set while a kernel runs."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nbauth.net.secrecy import HiddenText

if TYPE_CHECKING:
    from typing import Any

    from nbauth.net.secrecy import Members

__all__ = ["AccessToken", "digest_of", "margin_of"]

_MOST_MARGIN_S = 120.0
_MARGIN_SHARE = 0.1
_LAST_SHARE, _MOST_LAST_S = 0.25, 10.0
_UNKNOWN_LIFE_S = 600.0  # what MSAL's cache takes where the provider does not say (RFC 6749 §5.1)


@dataclass(frozen=True)
class AccessToken:
    """A token and how long it is good: what a credential returns for scopes.

    Adapters build what other tools take out of `secret`, `expires_at` and `refresh_at`.

    Attributes:
        secret: the token itself.
        expires_at: seconds since the epoch.
        expires_monotonic: the same on the monotonic clock.
        margin_s: how long before that it is renewed.
        claims: the claims challenge that it was asked to meet, as JSON.
        forced_at: on the monotonic clock, when it took the place of one that an API had refused.
    """

    secret: HiddenText = field(repr=False)
    expires_at: float
    expires_monotonic: float
    margin_s: float
    claims: str | None = None
    forced_at: float | None = None

    @classmethod
    def of(cls, result: Members, *, claims: str | None = None, forced: bool = False) -> AccessToken:
        """Make it of MSAL's result.

        Tokens that live less than MSAL's 5 minutes of margin get a smaller one. A provider's `refresh_in` moves the
        renewal ahead, to half of the life at most. `ext_expires_in` says what an API may put up with while the
        provider is down; it is the API's to judge, and not used here.
        """
        now, monotonic = time.time(), time.monotonic()
        life_s = max(0.0, _number(result.get("expires_in"), _UNKNOWN_LIFE_S))
        ahead_s = _number(result.get("refresh_in"), _number(result.get("refresh_on"), now + life_s) - now)
        margin_s = min(max(margin_of(life_s), life_s - ahead_s), life_s / 2)
        return cls(
            HiddenText(result["access_token"]),
            now + life_s,
            monotonic + life_s,
            margin_s,
            claims,
            monotonic if forced else None,
        )

    @property
    def refresh_at(self) -> float:
        """From when on it is renewed while it goes on being used; seconds since the epoch."""
        return self.expires_at - self.margin_s

    @property
    def last_s(self) -> float:
        """How long before its end it is no longer handed out: a request takes a while."""
        return min(_MOST_LAST_S, self.margin_s * _LAST_SHARE)

    def is_good(self, margin_s: float | None = None) -> bool:
        """Tell whether both clocks leave it more than its margin."""
        margin_s = self.margin_s if margin_s is None else margin_s
        return time.monotonic() < self.expires_monotonic - margin_s and time.time() < self.expires_at - margin_s

    def is_fresh(self, seconds: float) -> bool:
        """Tell whether it took a refused one's place within the last `seconds`, or half of its life if that is less."""
        if self.forced_at is None:
            return False
        return time.monotonic() < self.forced_at + min(seconds, (self.expires_monotonic - self.forced_at) / 2)


def digest_of(token: str) -> str:
    """Return what names a token to a process that has it, too; nobody learns the token from it."""
    return hashlib.sha256(token.encode()).hexdigest()


def margin_of(life_s: float) -> float:
    """Return how long before its end a token is renewed that lives this long, where its provider does not say."""
    return min(_MOST_MARGIN_S, life_s * _MARGIN_SHARE)


def _number(value: Any, default: float) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return default
