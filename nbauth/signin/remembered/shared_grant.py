"""SharedGrant: one remembered sign-in in the hands of several kernels, renewed by one of them at a time."""

from __future__ import annotations

import contextlib
import functools
import logging
from typing import TYPE_CHECKING

from nbauth.errors import ProviderUnavailable, SignInRequired
from nbauth.signin.remembered.document import Document, Grant, fingerprint, new_generation
from nbauth.signin.remembered.document_file import forget, read_document
from nbauth.signin.tokens.sign_in_required import not_signed_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbauth.net.secrecy import HiddenMapping
    from nbauth.signin.profile.profile import Profile
    from nbauth.signin.remembered.document import Remembered
    from nbauth.signin.remembered.store import Store
    from nbauth.signin.tokens.account_tokens import AccountTokens

__all__ = ["SharedGrant"]

logger = logging.getLogger(__name__)

# A little more than the transport takes at most for one request, and less than a caller waits for a token.
_RENEWAL_S = 38.0


class SharedGrant:
    """The file of a remembered sign-in, and the part of the kernel's token cache that follows it.

    Its methods are called by whoever holds the account's refresh lock.

    Args:
        store: the file.
        tokens: the account's, in the kernel's token cache.
        generation: the mark of the sign-in.
        names: the fingerprints under which the file knows profiles of this kernel, by the fingerprints they have here.
    """

    def __init__(self, store: Store, tokens: AccountTokens, *, generation: str, names: dict[str, str]) -> None:
        self._store = store
        self._tokens = tokens
        self._who = tokens.home_account_id
        self._generation = generation
        self._names = names
        self._alone = False  # the file cannot be written: what this kernel renews, no other one learns

    def __repr__(self) -> str:
        return f"SharedGrant({str(self._store.path)!r})"

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
        """Return what another kernel has renewed meanwhile, or renew and write it for the others (`Coordinator`).

        The order is what keeps a refresh token from being used twice. The caller holds the account's lock for threads;
        then come the file's lock, what the file holds by now, a token in it that is good, the provider, and the write.
        """
        if self._alone:
            return ask_provider()
        usable = functools.partial(self._usable, scopes, realm=realm, unwanted=unwanted, claims=claims)
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
            if (token := usable()) is not None:
                return token
            if waited_in_vain:
                # Not without the lock: a refresh token that is used twice ends the sign-in of every kernel.
                raise ProviderUnavailable(
                    f"Profile {profile.name!r}: another kernel has been renewing the token for {_RENEWAL_S:.0f} s.",
                    next_step="Try again.",
                )
            before = self._tokens.refresh_tokens()
            result = self._ask(ask_provider, profile)
            if result and result.get("error") == "invalid_grant" and self._is_behind(before) and self._follow(profile):
                # Somebody renewed in spite of the lock: a file system without one, or another machine.
                if (token := usable()) is not None:
                    return token
                before = self._tokens.refresh_tokens()
                result = self._ask(ask_provider, profile)
            if not self._save(profile, before):
                raise not_signed_in(profile, scopes)
            return result

    def _usable(
        self, scopes: tuple[str, ...], *, realm: str, unwanted: tuple[str | None, ...], claims: str | None
    ) -> HiddenMapping | None:
        if claims is not None:
            return None
        return self._tokens.access_token(scopes, realm=realm, unwanted=unwanted)

    def _ask(self, ask_provider: Callable[[], HiddenMapping | None], profile: Profile) -> HiddenMapping | None:
        before = self._tokens.refresh_tokens()
        try:
            return ask_provider()
        except SignInRequired:
            # What came was somebody else's. Whose the file's refresh token is by now is not known: no kernel uses it.
            with contextlib.suppress(OSError, ValueError):
                forget(self._store, account=self._who)
            raise
        except Exception:
            self._save(profile, before)
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
        if found is None:
            self._tokens.drop()
            return False
        self._generation = found[1].generation
        self._tokens.replace_with(found[1].token_cache())
        return True

    def _save(self, profile: Profile, before: set[str]) -> bool:
        """Write what changed, unless the sign-in was ended or made anew meanwhile; tell whether it still is.

        After a refusal the cache is without the token that an API refused: no later kernel is to take it for good.
        """
        try:
            with self._store.lock():
                kept, found = self._found(), self._found(profile)
                # What another profile of the account needs is written, also where this one was signed out.
                if kept is not None and kept[1].generation == self._generation and kept[1] != (mine := self._grant()):
                    self._store.write(kept[0].with_grant(self._who, mine).dump())
            if found is None:
                self._tokens.drop()  # another profile that stands on them finds them in the file
                return False
        except (OSError, ValueError) as error:
            if self._tokens.refresh_tokens() != before:
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

    def _grant(self) -> Grant:
        return Grant(generation=self._generation, cache=self._tokens.copied().cache.serialize())

    def _is_behind(self, before: set[str]) -> bool:
        """Tell whether the file has another refresh token; to follow it would bring back a token that was dropped."""
        found = self._found()
        return found is not None and self._tokens.in_cache(found[1].token_cache()).refresh_tokens() != before
