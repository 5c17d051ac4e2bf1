"""Sign-ins that later kernels have: remembered, taken up again, forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbauth.errors import ConfigError, NbauthError, SignInFailed, SignInRequired
from nbauth.next_step import Login, NextStep, to_run
from nbauth.signin.oidc import identity
from nbauth.signin.profile.account import Account
from nbauth.signin.remembered import document_file, location
from nbauth.signin.remembered.document import Remembered, application_name, fingerprint
from nbauth.signin.remembered.encryption import KEY_VARIABLE, PLAINTEXT_VARIABLE
from nbauth.signin.remembered.shared_grant import SharedGrant
from nbauth.signin.tokens.account_tokens import AccountTokens
from nbauth.signin.tokens.credential import Credential, SignedIn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from nbauth.signin.profile.profile import Profile
    from nbauth.signin.remembered.document import Document, Grant
    from nbauth.signin.remembered.store import Store
    from nbauth.signin.tokens.connection import Connection

__all__ = ["check", "forget", "is_remembered", "leave", "remember", "take"]


def check(profile: Profile, *, served_by: str | None = None) -> None:
    """Refuse to remember what needs no sign-in, or is a visitor's.

    Args:
        profile: whose sign-in is to be remembered.
        served_by: the server whose visitor signs in, if one does.

    Raises:
        ConfigError: an application signs in by itself, or later visitors would be who signs in.
    """
    if served_by is not None and profile.kind == "person":
        raise ConfigError(
            f"Profile {profile.name!r}: a visitor of {served_by} is not remembered. What is kept is the server's own "
            "user's, and others would be signed in by it.",
            next_step="Sign in without remember.",
        )
    if profile.kind == "application":
        raise ConfigError(
            f"Profile {profile.name!r}: there is nothing to remember, an application signs in by itself.",
            next_step=to_run(Login(profile.name)),
        )


def remember(profile: Profile, signed_in: SignedIn, *, connect: Callable[[Profile], Connection]) -> str | None:
    """Keep a sign-in for later kernels, and renew it together with them from now on.

    Args:
        profile: the profile as it is now.
        signed_in: who signed in to it.
        connect: returns a profile's connection.

    Returns:
        None where it is kept; otherwise why it lives as long as this kernel only, and what helps.
    """
    where = f"Profile {profile.name!r}: this sign-in is not remembered"
    try:
        store = location.store_of(application_name(profile))
        if store is None:
            return (
                f"{where}, because nothing on this machine can encrypt it; it lives as long as this kernel. "
                f"A server's administrator can give a key to encrypt it with ({KEY_VARIABLE}). "
                f"To keep it in a file that is not encrypted, set {PLAINTEXT_VARIABLE}=1 and run: "
                f"{NextStep((Login(profile.name, remember=True),))}"
            )
        _share(profile, signed_in, store, connect(profile))
    except (OSError, ValueError) as error:
        reason = location.reason_of(error)
        return f"{where}, because {location.directory()} cannot be used ({reason}); it lives as long as this kernel."
    return None


def take(
    profile: Profile,
    account: str | None,
    scopes: tuple[str, ...],
    *,
    here: Iterable[SignedIn] = (),
    connect: Callable[[Profile], Connection],
) -> SignedIn | None:
    """Return the sign-in that an earlier kernel remembered for this profile as it is, without asking anybody.

    Args:
        profile: the profile.
        account: the sign-in name that is wanted, or None for who was remembered last.
        scopes: what a token must be had for.
        here: who is signed in to the profile in this kernel, the present one first: nobody else takes their place.
        connect: returns a profile's connection.

    Returns:
        Who is signed in; None where nobody is remembered, or the provider wants to see the person again.

    Raises:
        ProviderUnavailable: a token has to be renewed and the provider is down.
    """
    store, document = _find(profile)
    if store is None or document is None:
        return None
    present = next((signed_in.account.home_account_id for signed_in in here), None)
    found = _one_of(document, profile, account, present=present)
    if found is None:
        return None
    who, grant = found
    remembered = AccountTokens(grant.token_cache(), who.home_account_id, profile.client_id)
    msal_account = remembered.account()
    if msal_account is None:
        return None
    connection = connect(profile)
    tokens = remembered.in_cache(connection.application.token_cache)
    refresh_lock = connection.refresh_locks.of(who.home_account_id)
    with refresh_lock:
        epoch = refresh_lock.epoch
        before, shared_before = tokens.copied(), refresh_lock.shared
        tokens.replace_with(remembered.cache)
        refresh_lock.shared = SharedGrant(store, tokens, generation=grant.generation, names=refresh_lock.names)
        credential = Credential.of_person(connection, msal_account)
        refresh_lock.join(credential)
    try:
        credential.token(scopes)
    except NbauthError as error:

        def put_back() -> None:
            tokens.replace_with(before.cache)
            refresh_lock.shared = shared_before

        with refresh_lock:
            # Not where they were replaced or removed meanwhile; to be ended is one step of that kind.
            refresh_lock.write(epoch + bool(credential.ended), put_back)
            refresh_lock.leave(credential)
        if isinstance(error, (SignInRequired, SignInFailed)):
            return None
        raise
    refresh_lock.names[fingerprint(credential.profile)] = who.fingerprint
    expires_at = credential.expires_at()
    assert expires_at is not None
    account_ = Account(
        username=who.username,
        name=who.name,
        tenant_id=who.tenant_id,
        home_account_id=who.home_account_id,
        profile=profile.name,
        expires_at=expires_at,
        other_names=who.other_names,
    )
    return SignedIn(account_, credential)


def is_remembered(profile: Profile, account: Account) -> bool:
    """Tell whether an account is remembered for a profile, so that a new sign-in of it takes the old one's place."""
    _, document = _find(profile)
    return document is not None and document.lists(fingerprint(profile), account.home_account_id)


def leave(signed_in: Iterable[SignedIn]) -> None:
    """Let sign-ins follow their files no longer, unless another profile stands on what is there."""
    for each in signed_in:
        refresh_lock = each.credential.refresh_lock
        refresh_lock.names.pop(fingerprint(each.credential.profile), None)
        followed = refresh_lock.shared
        if followed is not None and not followed.is_kept:
            refresh_lock.unfollow(followed)


def forget(profiles: Iterable[Profile]) -> None:
    """Forget what is remembered for profiles, as they are and as they were, also while another kernel renews it.

    Raises:
        ConfigError: it cannot be deleted.
    """
    wanted: dict[str, set[str]] = {}
    for profile in profiles:
        wanted.setdefault(application_name(profile), set()).update((profile.name, fingerprint(profile)))
    left: tuple[Path, Exception] | None = None
    for name, these in wanted.items():
        path = location.file_of(name)
        try:
            if path.exists() or path.is_symlink():
                document_file.forget(location.store_to_clear(name), profiles=frozenset(these))
        except (OSError, ValueError) as error:
            left = (path, error)
    if left is not None:
        raise ConfigError(
            f"Signed out here, but what is remembered in {left[0]} cannot be deleted: {location.reason_of(left[1])}.",
            next_step="Delete that file.",
        )


def _one_of(
    document: Document, profile: Profile, account: str | None, *, present: str | None
) -> tuple[Remembered, Grant] | None:
    """Return who was remembered last of those that fit, and their tokens.

    Args:
        document: what is remembered.
        profile: the profile as it is now.
        account: the sign-in name that is wanted, or None.
        present: the key of the only account that may be taken, or None.
    """
    fitting = [s for s in document.of(fingerprint(profile)) if present in (None, s.home_account_id)]
    who = next(iter(identity.those_called(account, fitting, lambda sign_in: sign_in)), None)
    grant = None if who is None else document.grants.get(who.home_account_id)
    if who is None or grant is None or not _is_theirs(profile, who, document):
        return None
    return who, grant


def _is_theirs(profile: Profile, who: Remembered, document: Document) -> bool:
    """Tell whether the tokens under an account's key are of whoever is remembered by that key.

    At plain OpenID providers earlier versions could remember somebody under another one's key.
    """
    if profile.resolved_authority.has_client_info:
        return True
    cache = document.grants[who.home_account_id].token_cache()
    known = identity.known_claims(cache, home_account_id=who.home_account_id, client_id=profile.client_id)
    for claims in known.values():
        if claims.get("sub") != who.home_account_id:
            return False
        name = identity.shown_name(claims)
        others = {s.username for s in document.sign_ins if s.home_account_id == who.home_account_id}
        if (name is None and len(others) > 1) or name not in (None, who.username):
            return False
    return bool(known)


def _share(profile: Profile, signed_in: SignedIn, store: Store, connection: Connection) -> None:
    refresh_lock, who = signed_in.credential.refresh_lock, Remembered.of(signed_in.account, profile)
    cache, before = connection.application.token_cache, signed_in.credential.profile
    with refresh_lock:
        followed, anew = refresh_lock.shared, False
        if isinstance(followed, SharedGrant) and followed.is_in(store):
            shared = followed
        else:
            tokens = AccountTokens(cache, who.home_account_id, profile.client_id)
            shared, anew = SharedGrant(store, tokens, generation="", names=refresh_lock.names), True
        known_as = fingerprint(before if before.authority_url == profile.authority_url else profile)
        shared.begin(who, known_as=known_as, anew=anew)  # raises before anything has changed
        refresh_lock.shared = shared


def _find(profile: Profile) -> tuple[Store | None, Document | None]:
    store = location.existing_store(application_name(profile))
    return (None, None) if store is None else (store, document_file.read_document(store))
