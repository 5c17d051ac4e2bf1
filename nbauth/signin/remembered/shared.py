"""Shared: one remembered sign-in in the hands of several kernels, renewed by one of them at a time."""

from __future__ import annotations

import contextlib
import logging
import time
from typing import TYPE_CHECKING, Any

import msal

from nbauth.errors import ProviderUnavailable
from nbauth.signin.clients import askable
from nbauth.signin.credential import nobody
from nbauth.signin.remembered.document import Document
from nbauth.signin.token_cache import copy_account, drop_tokens

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbauth.signin.profiles import Profile
    from nbauth.signin.remembered.document import Remembered
    from nbauth.signin.remembered.store import Store

__all__ = ["Shared", "forget", "read_document"]

logger = logging.getLogger(__name__)

# A little more than the transport takes at most for one request, and less than a caller waits for a token.
_RENEWAL_S = 38.0
_MOST_MARGIN_S, _MARGIN_SHARE = 120.0, 0.1


def read_document(store: Store) -> Document | None:
    """Return what is remembered, or None where nothing is that can be used."""
    data = store.read()
    if data is None:
        return None
    try:
        return Document.parse(data)
    except (ValueError, RecursionError) as error:
        logger.warning("%s is ignored: %s.", store.path, error)
        return None


def forget(store: Store) -> None:
    """Delete a remembered sign-in.

    Raises:
        OSError, ValueError: it cannot be deleted.
    """
    with store.lock():
        store.delete()


class Shared:
    """The file of a remembered sign-in, and the part of the kernel's token cache that follows it.

    Its methods are called by whoever has the account's turn.

    Args:
        profile: whose.
        store: the file.
        cache: the kernel's token cache.
        account: who signed in.
        generation: the mark of the sign-in.
    """

    def __init__(
        self, profile: Profile, *, store: Store, cache: msal.TokenCache, account: Remembered, generation: str
    ) -> None:
        self.profile = profile
        self._store = store
        self._cache = cache
        self._account = account
        self._generation = generation
        self._mine = {"home_account_id": account.home_account_id, "client_id": profile.client_id}
        self._alone = False  # the file cannot be written: what this kernel renews, no other one learns

    def __repr__(self) -> str:
        return f"Shared({str(self._store.path)!r})"

    @property
    def is_kept(self) -> bool:
        """Whether later kernels will find this sign-in."""
        return not self._alone and self._found() is not None

    def begin(self) -> None:
        """Write a sign-in that has just been made, over whatever was remembered before.

        Raises:
            OSError, ValueError: it cannot be written here.
        """
        with self._store.lock():
            self._store.write(self._document())

    def renew(
        self,
        ask_provider: Callable[[], dict[str, Any] | None],
        *,
        profile: Profile,
        realm: str,
        scopes: tuple[str, ...],
        unwanted: tuple[str | None, ...],
        claims: str | None,
    ) -> dict[str, Any] | None:
        """Return what another kernel has renewed meanwhile, or renew and write it for the others.

        Args:
            ask_provider: renews on the token cache and returns MSAL's answer.
            profile: who asks; an application's profiles share an account's refresh token.
            realm: MSAL's word for the tenant that the token is of.
            scopes: what the token must be good for.
            unwanted: tokens that are no answer: refused by an API, or to be renewed.
            claims: claims that the token must have; no token that is there is known to have them.

        Returns:
            MSAL's answer.

        Raises:
            SignInRequired: the sign-in was ended in another kernel.
            ProviderUnavailable: another kernel has been renewing for too long.
        """
        if self._alone:
            return ask_provider()
        wanted = None if claims is not None else (realm, scopes, unwanted)
        with contextlib.ExitStack() as held:
            waited_in_vain = False
            try:
                held.enter_context(self._store.renewal(_RENEWAL_S))
            except TimeoutError:
                waited_in_vain = True
            except (OSError, ValueError) as error:
                self._go_alone(error)
                return ask_provider()
            if not self._follow():
                raise nobody(profile, scopes)
            if (found := self._usable(wanted)) is not None:
                return found
            if waited_in_vain:
                # Not without the lock: a refresh token that is used twice ends the sign-in of every kernel.
                raise ProviderUnavailable(
                    f"Profile {profile.name!r}: another kernel has been renewing the token for {_RENEWAL_S:.0f} s.",
                    next_step="Try again.",
                )
            before = self._refresh_tokens()
            result = ask_provider()
            if (result or {}).get("error") == "invalid_grant" and self._follow() and self._refresh_tokens() != before:
                # Somebody renewed in spite of the lock: a file system without one, or another machine.
                if (found := self._usable(wanted)) is not None:
                    return found
                before = self._refresh_tokens()
                result = ask_provider()
            if "access_token" in (result or {}) and not self._save(before):
                raise nobody(profile, scopes)
            return result

    def _found(self) -> Document | None:
        found = read_document(self._store)
        return found if found and found.account.home_account_id == self._account.home_account_id else None

    def _follow(self) -> bool:
        """Take over what the file holds; tell whether it is still this account's sign-in."""
        found = self._found()
        drop_tokens(self._cache, **self._mine)
        if found is None:
            return False
        self._generation = found.generation
        copy_account(found.token_cache(), self._cache, **self._mine)
        return True

    def _save(self, before: set[str]) -> bool:
        """Write what was renewed, unless the sign-in was ended or made anew meanwhile; tell whether it still is."""
        try:
            with self._store.lock():
                found = self._found()
                if found is None:
                    drop_tokens(self._cache, **self._mine)
                    return False
                if found.generation == self._generation:
                    self._store.write(self._document())
        except (OSError, ValueError) as error:
            if self._refresh_tokens() != before:
                # The file's refresh token is spent: whoever used it would end the sign-in of this kernel, too.
                with contextlib.suppress(OSError, ValueError):
                    forget(self._store)
                self._go_alone(error)
            else:
                logger.warning("%s is not written: %s.", self._store.path, getattr(error, "strerror", None) or error)
        return True

    def _go_alone(self, error: Exception) -> None:
        self._alone = True
        logger.warning(
            "%s cannot be kept: %s. This kernel stays signed in; later ones will ask.",
            self._store.path,
            getattr(error, "strerror", None) or error,
        )

    def _mine_alone(self) -> msal.SerializableTokenCache:
        cache = msal.SerializableTokenCache()
        copy_account(self._cache, cache, **self._mine)
        return cache

    def _document(self) -> bytes:
        cache = self._mine_alone().serialize()
        return Document(generation=self._generation, account=self._account, cache=cache).dump()

    def _refresh_tokens(self) -> set[str]:
        found = self._cache.search(msal.TokenCache.CredentialType.REFRESH_TOKEN, query=self._mine)
        return {str(entry.get("secret")) for entry in found}

    def _usable(self, wanted: tuple[str, tuple[str, ...], tuple[str | None, ...]] | None) -> dict[str, Any] | None:
        """Return the cached token that lives longest, as MSAL would; MSAL itself counts none below 300 s."""
        if wanted is None:
            return None
        realm, scopes, unwanted = wanted
        kind, query = msal.TokenCache.CredentialType.ACCESS_TOKEN, {**self._mine, "realm": realm}
        now, best = time.time(), None
        for entry in list(self._cache.search(kind, target=askable(scopes), query=query)):
            cached_at, expires_at = int(entry["cached_at"]), int(entry["expires_on"])
            margin_s = min(_MOST_MARGIN_S, (expires_at - cached_at) * _MARGIN_SHARE)
            good = expires_at - now > margin_s
            if good and entry["secret"] not in unwanted and (best is None or expires_at > int(best["expires_on"])):
                best = entry
        if best is None:
            return None
        found = {
            "access_token": best["secret"],
            "expires_in": int(int(best["expires_on"]) - now),
            "token_type": "Bearer",
        }
        return {**found, "refresh_on": best["refresh_on"]} if "refresh_on" in best else found
