"""Token caches in the kernel's memory: one for each authority, and one that holds a sign-in back until it is proven."""

from __future__ import annotations

from typing import Any

import msal

__all__ = ["HeldBackCache", "new_cache"]

# What MSAL's cache would write to its DEBUG log with an event, and needs not to store it.
_SPENT = ("code", "code_verifier", "device_code", "client_assertion")


def new_cache() -> msal.TokenCache:
    """Make a cache that lives as long as the kernel.

    One is needed for each authority: MSAL's keys hold the host without its port and one path segment, so that two
    providers on one host would serve each other's tokens.
    """
    return msal.TokenCache()


class HeldBackCache(msal.TokenCache):  # type: ignore[misc]  # MSAL ships no types
    """A cache that keeps the tokens of a sign-in aside until its ID token was validated.

    MSAL stores tokens before anybody can look at them. A sign-in therefore runs on one of these, and `release` hands
    its tokens to the kernel's cache.
    """

    def __init__(self) -> None:
        super().__init__()
        self._events: list[tuple[dict[str, Any], Any]] = []

    def add(self, event: dict[str, Any], now: Any = None) -> None:
        """Keep an event aside."""
        data = {key: value for key, value in (event.get("data") or {}).items() if key not in _SPENT}
        # MSAL deletes from the response what it has stored; the caller's copy is not to be touched twice.
        self._events.append(({**event, "data": data, "response": dict(event.get("response") or {})}, now))

    def release(self, cache: msal.TokenCache) -> None:
        """Hand every token to `cache`."""
        for event, now in self._events:
            cache.add(event, now=now)
        self._events.clear()
