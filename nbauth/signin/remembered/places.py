"""Where remembered sign-ins lie, and how they get there and back: remember, take, forget."""

from __future__ import annotations

import dataclasses
import logging
from typing import TYPE_CHECKING

import filelock
import msal
import platformdirs

from nbauth.errors import ConfigError, NbauthError, SignInFailed, SignInRequired
from nbauth.signin import token_cache
from nbauth.signin.account import Account
from nbauth.signin.credential import Credential
from nbauth.signin.login import SignedIn
from nbauth.signin.remembered import shared as sharing
from nbauth.signin.remembered.codec import PLAINTEXT_VARIABLE, PlainCodec, platform_codec
from nbauth.signin.remembered.document import Remembered, fingerprint, new_generation
from nbauth.signin.remembered.store import Store, make_private_directory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from nbauth.signin.login import Client
    from nbauth.signin.profiles import Profile
    from nbauth.signin.remembered.codec import Codec
    from nbauth.signin.remembered.document import Document

__all__ = ["check", "directory", "forget", "is_remembered", "leave", "remember", "take"]

logger = logging.getLogger(__name__)

_KEY_S = 60.0


def directory() -> Path:
    """Return where they lie: the user's state directory."""
    return platformdirs.user_state_path("nbauth", appauthor=False) / "remembered"


def check(profile: Profile) -> None:
    """Refuse to remember what needs no sign-in.

    Raises:
        ConfigError: an application signs in by itself.
    """
    if profile.kind == "application":
        raise ConfigError(
            f"Profile {profile.name!r}: there is nothing to remember, an application signs in by itself.",
            next_step=f"Run: %login {profile.name}",
        )


def remember(profile: Profile, signed_in: SignedIn, *, connect: Callable[[Profile], Client]) -> str | None:
    """Keep a sign-in for later kernels, and renew it together with them from now on.

    Args:
        profile: the profile as it is now.
        signed_in: who signed in to it.
        connect: returns a profile's client.

    Returns:
        None where it is kept; otherwise why it lives as long as this kernel only, and what helps.
    """
    where = f"Profile {profile.name!r}: this sign-in is not remembered"
    try:
        codec = _codec()
        if codec is None:
            return (
                f"{where}, because nothing on this machine can encrypt it; it lives as long as this kernel. "
                f"To keep it in a file that is not encrypted, set {PLAINTEXT_VARIABLE}=1 and run: "
                f"%login {profile.name} --remember"
            )
        _share(profile, signed_in, Store(directory(), fingerprint(profile), codec), connect(profile))
    except (OSError, ValueError) as error:
        return f"{where}, because {directory()} cannot be used ({_reason(error)}); it lives as long as this kernel."
    return None


def take(
    profile: Profile, account: str | None, scopes: tuple[str, ...], *, connect: Callable[[Profile], Client]
) -> SignedIn | None:
    """Return the sign-in that an earlier kernel remembered for this profile as it is, without asking anybody.

    Args:
        profile: the profile.
        account: the sign-in name that is wanted, or None for whoever it is.
        scopes: what a token must be had for.
        connect: returns a profile's client.

    Returns:
        Who is signed in; None where nobody is remembered, or the provider wants to see the person again.

    Raises:
        ProviderUnavailable: a token has to be renewed and the provider is down.
    """
    store, document = _find(profile)
    if store is None or document is None:
        return None
    who = document.account
    if account is not None and who.username.lower() != account.lower():
        return None
    client = connect(profile)
    cache, mine = client.application.token_cache, _mine(profile, who)
    turn = client.turns.of(who.home_account_id)
    with turn:
        before, shared_before = msal.SerializableTokenCache(), turn.shared
        token_cache.copy_account(cache, before, **mine)
        token_cache.drop_tokens(cache, **mine)
        token_cache.copy_account(document.token_cache(), cache, **mine)
        turn.shared = sharing.Shared(profile, store=store, cache=cache, account=who, generation=document.generation)
        found = cache.search(cache.CredentialType.ACCOUNT, query={"home_account_id": who.home_account_id})
        msal_account = next(iter(list(found)), None)
    try:
        credential = Credential(profile, client.application, msal_account, turn=turn)
        credential.token(scopes)
    except NbauthError as error:
        with turn:
            token_cache.drop_tokens(cache, **mine)
            token_cache.copy_account(before, cache, **mine)
            turn.shared = shared_before
        if isinstance(error, (SignInRequired, SignInFailed)):
            return None
        raise
    expires_at = credential.expires_at()
    assert expires_at is not None
    return SignedIn(Account(**dataclasses.asdict(who), profile=profile.name, expires_at=expires_at), credential)


def is_remembered(profile: Profile, account: Account) -> bool:
    """Tell whether an account is remembered for a profile, so that a new sign-in of it takes the old one's place."""
    _, document = _find(profile)
    return document is not None and document.account.home_account_id == account.home_account_id


def leave(signed_in: Iterable[SignedIn]) -> list[Profile]:
    """Let sign-ins follow their files no longer, and return the profiles whose files they were."""
    left = []
    for each in signed_in:
        shared = each.credential.turn.shared
        if shared is not None and shared.profile.name == each.account.profile:
            left.append(shared.profile)
            each.credential.turn.shared = None
    return left


def forget(profiles: Iterable[Profile]) -> None:
    """Delete what is remembered for profiles as they are, also while another kernel renews it.

    Raises:
        ConfigError: it cannot be deleted.
    """
    for name in {fingerprint(profile) for profile in profiles}:
        store = Store(directory(), name, PlainCodec())  # deleting needs no key
        try:
            if store.path.exists() or store.path.is_symlink():
                sharing.forget(store)
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"Signed out here, but what is remembered in {store.path} cannot be deleted: {_reason(error)}.",
                next_step="Delete that file.",
            ) from None


def _share(profile: Profile, signed_in: SignedIn, store: Store, client: Client) -> None:
    turn, who, cache = signed_in.credential.turn, Remembered.of(signed_in.account), client.application.token_cache
    with turn:
        before = turn.shared
        same = before is not None and fingerprint(before.profile) == fingerprint(profile)
        if before is not None and same and before.is_kept:
            return
        shared = sharing.Shared(profile, store=store, cache=cache, account=who, generation=new_generation())
        shared.begin()  # raises before anything has changed
        turn.shared = shared
    if before is not None and not same and before.profile.authority_url == profile.authority_url:
        # The profile was edited: two files with one refresh token would end both. (Entra's tenants may share one.)
        forget([before.profile])


def _find(profile: Profile) -> tuple[Store | None, Document | None]:
    name = fingerprint(profile)
    # Looked for before the codec: no keyring asks a person to unlock it where nothing was remembered.
    if not (directory() / f"{name}.bin").is_file():
        return None, None
    try:
        codec = _codec()
    except (OSError, ValueError) as error:
        logger.warning("%s is ignored: %s.", directory(), _reason(error))
        return None, None
    if codec is None:
        return None, None
    store = Store(directory(), name, codec)
    return store, sharing.read_document(store)


def _codec() -> Codec | None:
    make_private_directory(directory())
    # Of kernels that start at once, one makes the key in the platform's store.
    with filelock.FileLock(directory() / "key.lock", timeout=_KEY_S, mode=0o600, thread_local=False):
        return platform_codec()


def _mine(profile: Profile, who: Remembered) -> dict[str, str]:
    return {"home_account_id": who.home_account_id, "client_id": profile.client_id}


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)
