"""Token caches in the kernel's memory: who shares one, and how answers are held back until they are proven."""

from __future__ import annotations

import contextlib
import json
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import msal

from nbauth.net import base64url
from nbauth.net.secrecy import HiddenText
from nbauth.signin.msal_internals import key_makers_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from nbauth.signin.profile.profile import Profile

__all__ = [
    "AccountCache",
    "Answers",
    "HeldBackCache",
    "NothingKept",
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
    different certificate authorities do not: a refresh token is sent only where its own profile would send it. Nor do
    those that ask with different parameters: MSAL's keys hold scopes, and no `audience` or `resource`.
    """
    authority = profile.resolved_authority
    place = authority.instance_key if authority.kind == "entra" else authority.cache_key
    if profile.authorization_parameters:
        place += f" asked for {urlencode(sorted(profile.authorization_parameters.items()))}"
    return (
        place if profile.ca_bundle is None else f"{place} by {profile.ca_bundle}",
        profile.client_id or profile.name,
    )


def new_cache() -> AccountCache:
    """Make a cache that lives as long as the kernel."""
    return AccountCache()


def copy_account(source: msal.TokenCache, target: msal.TokenCache, *, home_account_id: str, client_id: str) -> None:
    """Copy what a cache holds of one account and application to another one."""
    owner = {"home_account_id": home_account_id}
    for kind, query in (
        (_KINDS.ACCOUNT, owner),
        *((kind, {**owner, "client_id": client_id}) for kind in _TOKENS),
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


class Answers:
    """What a token endpoint answered to one sign-in or renewal, as long as it is in no cache."""

    def __init__(self) -> None:
        self._events: list[tuple[dict[str, Any], Any]] = []
        self._renewed: list[tuple[dict[str, Any], str]] = []

    def note(self, event: dict[str, Any], now: Any) -> None:
        """Take what MSAL has for its cache."""
        data = {key: value for key, value in (event.get("data") or {}).items() if key not in _SPENT}
        # MSAL deletes from the response what it has stored; the caller's copy is not to be touched twice.
        self._events.append(({**event, "data": data, "response": dict(event.get("response") or {})}, now))

    def note_renewed(self, entry: dict[str, Any], secret: str) -> None:
        """Take the refresh token that comes in the place of another one."""
        self._renewed.append((entry, secret))

    @property
    def id_token(self) -> HiddenText | None:
        """The ID token of the last answer, if it has one."""
        return self._hidden("id_token")

    @property
    def access_token(self) -> HiddenText | None:
        """The access token of the last answer."""
        return self._hidden("access_token")

    @property
    def client_info(self) -> dict[str, str]:
        """Entra's `client_info` of the last answer, which is not signed; empty where it has none."""
        encoded = self._last.get("client_info")
        if not encoded:
            return {}
        client_info: dict[str, str] = json.loads(base64url.decode(encoded))
        return client_info

    def _hidden(self, name: str) -> HiddenText | None:
        return HiddenText(self._last[name]) if name in self._last else None

    @property
    def _last(self) -> dict[str, Any]:
        return self._events[-1][0]["response"] if self._events else {}

    def put_into(self, cache: msal.TokenCache, *, home_account_id: str) -> dict[str, Any] | None:
        """Write everything to a cache under the key of one account, whatever key MSAL would take.

        Returns:
            MSAL's account, where a sign-in wrote one.
        """
        apart = msal.TokenCache()
        for event, now in self._events:
            apart.add(event, now=now)
        account = None
        for kind in (_KINDS.ACCOUNT, *_TOKENS, _KINDS.APP_METADATA):
            for entry in list(apart.search(kind)):
                written = entry if kind == _KINDS.APP_METADATA else {**entry, "home_account_id": home_account_id}
                cache.modify(kind, written, written)
                account = written if kind == _KINDS.ACCOUNT else account
        for entry, secret in self._renewed:
            cache.update_rt(entry, secret)
        self._events.clear()
        self._renewed.clear()
        return account


class HeldBackCache(msal.TokenCache):  # type: ignore[misc]  # MSAL ships no types
    """A cache that keeps the tokens of a sign-in aside until its ID token was validated.

    MSAL stores tokens before anybody can look at them. A sign-in therefore runs on one of these, and its `answers`
    are handed to the kernel's cache.
    """

    def __init__(self) -> None:
        super().__init__()
        self.answers = Answers()

    def add(self, event: dict[str, Any], now: Any = None) -> None:
        """Keep an event aside."""
        self.answers.note(event, now)


class AccountCache(msal.TokenCache):  # type: ignore[misc]  # MSAL ships no types
    """The kernel's cache: each account has a key of its own, and what a renewal brings is looked at before it is kept.

    MSAL writes its keys in lower case, where `sub` is case-sensitive (OpenID Connect Core §2): of two people whose
    `sub` differs in nothing else, one would overwrite the other.
    """

    def __init__(self) -> None:
        super().__init__()
        self.key_makers = {kind: _case_sensitive(maker) for kind, maker in key_makers_of(self).items()}
        self._here = threading.local()

    @contextlib.contextmanager
    def held_back(self) -> Iterator[Answers]:
        """Keep aside what this thread gets meanwhile; whoever asks has it looked at, and puts it into the cache."""
        self._here.answers = answers = Answers()
        try:
            yield answers
        finally:
            self._here.answers = None

    def add(self, event: dict[str, Any], now: Any = None) -> None:
        """Keep what was answered, or keep it aside."""
        answers = getattr(self._here, "answers", None)
        if answers is None:
            super().add(event, now=now)
        else:
            answers.note(event, now)

    def update_rt(self, rt_item: dict[str, Any], new_rt: str) -> None:
        """Put a refresh token in the place of another one, or keep it aside."""
        answers = getattr(self._here, "answers", None)
        if answers is None:
            super().update_rt(rt_item, new_rt)
        else:
            answers.note_renewed(rt_item, new_rt)


def _case_sensitive(maker: Callable[..., str]) -> Callable[..., str]:
    def key(home_account_id: str | None = None, **entry: Any) -> str:
        # In digits, so that no account's key can be part of another one's either.
        account = home_account_id and home_account_id.encode("utf-8", "surrogatepass").hex()
        return maker(home_account_id=account, **entry)

    return key


class NothingKept(msal.TokenCache):  # type: ignore[misc]  # MSAL ships no types
    """A cache for tokens that MSAL gets and is never asked for again: those of users that an application acts for."""

    def add(self, event: dict[str, Any], now: Any = None) -> None:
        """Keep nothing."""
