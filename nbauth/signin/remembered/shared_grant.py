"""Shared: one remembered sign-in in the hands of several kernels, renewed by one of them at a time."""

from __future__ import annotations

import contextlib
import logging
import time
from typing import TYPE_CHECKING

import msal

from nbauth.errors import ProviderUnavailable, SignInRequired
from nbauth.net.secrecy import HiddenMapping
from nbauth.signin.client.application import without_reserved_scopes
from nbauth.signin.client.token_cache import copy_account, drop_tokens
from nbauth.signin.remembered.document import Document, Grant, fingerprint, new_generation
from nbauth.signin.tokens.sign_in_required import not_signed_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbauth.signin.profile.profile import Profile
    from nbauth.signin.remembered.document import Remembered
    from nbauth.signin.remembered.store import Store

__all__ = ["SharedGrant", "forget", "read_document"]

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


def forget(store: Store, *, profiles: frozenset[str] = frozenset(), account: str | None = None) -> None:
    """Take sign-ins out of a file; all go where the others cannot be read, or cannot be written without them.

    Args:
        store: the file.
        profiles: names and fingerprints.
        account: a `home_account_id`.

    Raises:
        OSError, ValueError: it cannot be deleted.
    """
    read_document(store)  # sets aside what is damaged, which needs the lock
    with store.lock():
        document = read_document(store) or Document()
        rest = document.without(profiles=profiles, account=account)
        if rest.sign_ins:
            try:
                if rest != document:
                    store.write(rest.dump())
            except (OSError, ValueError) as error:
                logger.warning("%s is deleted: %s.", store.path, getattr(error, "strerror", None) or error)
            else:
                return
        store.delete()


class SharedGrant:
    """The file of a remembered sign-in, and the part of the kernel's token cache that follows it.

    Its methods are called by whoever has the account's turn.

    Args:
        store: the file.
        cache: the kernel's token cache.
        client_id: the application.
        home_account_id: the account.
        generation: the mark of the sign-in.
        names: the fingerprints under which the file knows profiles of this kernel, by the fingerprints they have here.
    """

    def __init__(
        self,
        *,
        store: Store,
        cache: msal.TokenCache,
        client_id: str,
        home_account_id: str,
        generation: str,
        names: dict[str, str],
    ) -> None:
        self._store = store
        self._cache = cache
        self._who = home_account_id
        self._generation = generation
        self._names = names
        self._mine = {"home_account_id": home_account_id, "client_id": client_id}
        self._alone = False  # the file cannot be written: what this kernel renews, no other one learns

    def __repr__(self) -> str:
        return f"Shared({str(self._store.path)!r})"

    @property
    def is_kept(self) -> bool:
        """Whether the file has this account's tokens."""
        return not self._alone and self._found() is not None

    def is_in(self, store: Store) -> bool:
        """Tell whether this is the file that is followed."""
        return not self._alone and self._store.path == store.path

    def begin(self, sign_in: Remembered, *, known_as: str, anew: bool) -> None:
        """Write who is remembered for a profile from now on.

        Args:
            sign_in: who, and for which profile.
            known_as: the fingerprint of the profile as it was when they signed in; edited since, the sign-in moves.
            anew: write the kernel's tokens in the place of those that the file has of this account.

        Raises:
            OSError, ValueError: it cannot be written here.
        """
        read_document(self._store)  # sets aside what is damaged, which needs the lock
        with self._store.lock():
            document = read_document(self._store) or Document()
            if anew or self._who not in document.grants:
                self._generation = new_generation()
                document = document.with_grant(self._who, self._grant())
            self._store.write(document.with_sign_in(sign_in, instead_of=known_as).dump())
        self._names[known_as] = self._names[sign_in.fingerprint] = sign_in.fingerprint

    def renew(
        self,
        ask_provider: Callable[[], HiddenMapping | None],
        *,
        profile: Profile,
        realm: str,
        scopes: tuple[str, ...],
        unwanted: tuple[str | None, ...],
        claims: str | None,
    ) -> HiddenMapping | None:
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
            SignInRequired: the sign-in was ended, here or in another kernel.
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
            if not self._follow(profile):
                raise not_signed_in(profile, scopes)
            if (found := self._usable(wanted)) is not None:
                return found
            if waited_in_vain:
                # Not without the lock: a refresh token that is used twice ends the sign-in of every kernel.
                raise ProviderUnavailable(
                    f"Profile {profile.name!r}: another kernel has been renewing the token for {_RENEWAL_S:.0f} s.",
                    next_step="Try again.",
                )
            before = self._refresh_tokens()
            result = self._ask(ask_provider)
            if result and result.get("error") == "invalid_grant" and self._is_behind(before) and self._follow(profile):
                # Somebody renewed in spite of the lock: a file system without one, or another machine.
                if (found := self._usable(wanted)) is not None:
                    return found
                before = self._refresh_tokens()
                result = self._ask(ask_provider)
            if _is_to_be_written(result, claims) and not self._save(profile, before):
                raise not_signed_in(profile, scopes)
            return result

    def _ask(self, ask_provider: Callable[[], HiddenMapping | None]) -> HiddenMapping | None:
        try:
            return ask_provider()
        except SignInRequired:
            # What came was somebody else's. Whose the file's refresh token is by now is not known: no kernel uses it.
            with contextlib.suppress(OSError, ValueError):
                forget(self._store, account=self._who)
            raise

    def _found(self, profile: Profile | None = None) -> tuple[Document, Grant] | None:
        """Return what the file holds of this account; None where it, or its sign-in to the profile, was ended."""
        document = read_document(self._store)
        grant = None if document is None else document.grants.get(self._who)
        if document is None or grant is None:
            return None
        name = None if profile is None else self._names.get(fingerprint(profile))
        # Of a profile that was never remembered the file knows nothing; it has a share in the others' tokens.
        return (document, grant) if name is None or document.lists(name, self._who) else None

    def _follow(self, profile: Profile) -> bool:
        """Take over what the file holds; tell whether it is still this account's sign-in."""
        found = self._found(profile)
        drop_tokens(self._cache, **self._mine)
        if found is None:
            return False
        self._generation = found[1].generation
        copy_account(found[1].token_cache(), self._cache, **self._mine)
        return True

    def _save(self, profile: Profile, before: set[str]) -> bool:
        """Write what was renewed, unless the sign-in was ended or made anew meanwhile; tell whether it still is."""
        try:
            with self._store.lock():
                kept, found = self._found(), self._found(profile)
                # What another profile of the account needs is written, also where this one was signed out.
                if kept is not None and kept[1].generation == self._generation:
                    self._store.write(kept[0].with_grant(self._who, self._grant()).dump())
            if found is None:
                drop_tokens(self._cache, **self._mine)  # another profile that stands on them finds them in the file
                return False
        except (OSError, ValueError) as error:
            if self._refresh_tokens() != before:
                # The file's refresh token is spent: whoever used it would end the sign-in of this kernel, too.
                with contextlib.suppress(OSError, ValueError):
                    forget(self._store, account=self._who)
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

    def _grant(self) -> Grant:
        return Grant(generation=self._generation, cache=self._mine_alone().serialize())

    def _refresh_tokens(self) -> set[str]:
        return self._refresh_tokens_in(self._cache)

    def _refresh_tokens_in(self, cache: msal.TokenCache) -> set[str]:
        found = cache.search(msal.TokenCache.CredentialType.REFRESH_TOKEN, query=self._mine)
        return {str(entry.get("secret")) for entry in found}

    def _is_behind(self, before: set[str]) -> bool:
        """Tell whether the file has another refresh token; to follow it would bring back a token that was dropped."""
        found = self._found()
        return found is not None and self._refresh_tokens_in(found[1].token_cache()) != before

    def _usable(self, wanted: tuple[str, tuple[str, ...], tuple[str | None, ...]] | None) -> HiddenMapping | None:
        """Return the cached token that lives longest, as MSAL would; MSAL itself counts none below 300 s."""
        if wanted is None:
            return None
        realm, scopes, unwanted = wanted
        kind, query = msal.TokenCache.CredentialType.ACCESS_TOKEN, {**self._mine, "realm": realm}
        now, best = time.time(), None
        for entry in list(self._cache.search(kind, target=without_reserved_scopes(scopes), query=query)):
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
        return HiddenMapping({**found, "refresh_on": best["refresh_on"]} if "refresh_on" in best else found)


def _is_to_be_written(result: HiddenMapping | None, claims: str | None) -> bool:
    # After a refusal the cache is without the token that an API refused: no later kernel is to take it for good.
    answer = result or HiddenMapping({})
    return "access_token" in answer or (answer.get("error") == "invalid_grant" and claims is None)
