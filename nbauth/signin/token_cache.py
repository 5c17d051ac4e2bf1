"""Token caches in the kernel's memory: who shares one, and one that holds a sign-in back until it is proven."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any

import msal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nbauth.signin.profiles import Profile
    from nbauth.signin.remembered.shared import Shared

__all__ = [
    "HeldBackCache",
    "NothingKept",
    "Turn",
    "Turns",
    "cache_key",
    "copy_account",
    "drop_access_token",
    "drop_tokens",
    "new_cache",
]

# What MSAL's cache would write to its DEBUG log with an event, and needs not to store it.
_SPENT = ("code", "code_verifier", "device_code", "client_assertion")
_KINDS = msal.TokenCache.CredentialType
_TOKENS = (_KINDS.REFRESH_TOKEN, _KINDS.ACCESS_TOKEN, _KINDS.ID_TOKEN)


def cache_key(profile: Profile) -> tuple[str, str]:
    """Return what profiles have in common that share a token cache: the application, and the authority.

    MSAL's keys hold the host without its port and one path segment, so that two providers on one host would serve each
    other's tokens. Entra's tenants are that segment and share a cache, as they share refresh tokens; no other
    authorities do. Applications do not: MSAL's sign-out of one drops the access tokens of all. Profiles that trust
    different certificate authorities do not: a refresh token is sent only where its own profile would send it.
    """
    authority = profile.resolved_authority
    place = authority.instance_key if authority.kind == "entra" else authority.cache_key
    return (
        place if profile.ca_bundle is None else f"{place} by {profile.ca_bundle}",
        profile.client_id or profile.name,
    )


def new_cache() -> msal.TokenCache:
    """Make a cache that lives as long as the kernel."""
    return msal.TokenCache()


def copy_account(source: msal.TokenCache, target: msal.TokenCache, *, home_account_id: str, client_id: str) -> None:
    """Copy what a cache holds of one account and application to another one."""
    mine = {"home_account_id": home_account_id}
    for kind, query in (
        (_KINDS.ACCOUNT, mine),
        *((kind, {**mine, "client_id": client_id}) for kind in _TOKENS),
        (_KINDS.APP_METADATA, {"client_id": client_id}),
    ):
        for entry in list(source.search(kind, query=query)):
            target.modify(kind, entry, entry)


def drop_tokens(cache: msal.TokenCache, *, home_account_id: str, client_id: str) -> None:
    """Remove the tokens of one account and application."""
    query = {"home_account_id": home_account_id, "client_id": client_id}
    for kind in _TOKENS:
        for entry in list(cache.search(kind, query=query)):
            cache.modify(kind, entry)


def drop_access_token(cache: msal.TokenCache, secret: str) -> None:
    """Remove an access token that an API refuses and nothing renews, though it looks good."""
    for entry in list(cache.search(_KINDS.ACCESS_TOKEN, query={"secret": secret})):
        cache.modify(_KINDS.ACCESS_TOKEN, entry)


class Turn:
    """Held while a refresh token is used: one thread at a time.

    Attributes:
        shared: the remembered sign-in that the refresh token belongs to, where later kernels are to find it.
        names: the fingerprints under which profiles of this kernel are remembered, by the fingerprints they have here.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.shared: Shared | None = None
        self.names: dict[str, str] = {}

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def locked(self) -> bool:
        """Tell whether somebody holds it."""
        return self._lock.locked()


class Turns:
    """Whose turn it is to use a refresh token, for all who share a token cache: one at a time for each account."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._turns: dict[str, Turn] = {}

    def of(self, home_account_id: str) -> Turn:
        """Return the turn of an account."""
        with self._lock:
            return self._turns.setdefault(home_account_id, Turn())

    @contextlib.contextmanager
    def held_where_shared(self) -> Iterator[None]:
        """Hold those that follow a file: what a new sign-in brings is not to be overwritten with what was before."""
        with self._lock:
            turns = [turn for _, turn in sorted(self._turns.items()) if turn.shared is not None]
        with contextlib.ExitStack() as held:
            for turn in turns:
                held.enter_context(turn)
            yield


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


class NothingKept(msal.TokenCache):  # type: ignore[misc]  # MSAL ships no types
    """A cache for tokens that MSAL gets and is never asked for again: those of users that an application acts for."""

    def add(self, event: dict[str, Any], now: Any = None) -> None:
        """Keep nothing."""
