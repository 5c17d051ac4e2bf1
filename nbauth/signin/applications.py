"""Applications that sign in by themselves: one credential for each of their profiles, and for every visitor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbauth.process.shielded import load
from nbauth.signin.profile.resolve import check_scopes

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable, Iterator

    from nbauth.signin.profile.profile import Profile
    from nbauth.signin.tokens.credential import Credential, SignedIn
    from nbauth.signin.visits import Visit

__all__ = ["Applications"]


class Applications:
    """The credentials of applications, made when they are first used.

    Args:
        lock: returns the kernel's lock, which is another one in a forked child.
        own: holds their connections: those of the one whose process it is.
    """

    def __init__(self, lock: Callable[[], threading.RLock], own: Visit) -> None:
        self._lock = lock
        self._own = own
        self._credentials: dict[Profile, Credential] = {}

    def __iter__(self) -> Iterator[Credential]:
        return iter(list(self._credentials.values()))

    def __contains__(self, profile: object) -> bool:
        return profile in self._credentials

    def of(self, profile: Profile) -> Credential:
        """Return the credential of a profile.

        Raises:
            ConfigError, ProviderUnavailable: as `Visit.connection`.
        """
        load("nbauth.signin.login")
        from nbauth.signin.login import own_credential

        credential = self._credentials.get(profile)
        if credential is None:
            credential = own_credential(self._own.connection(profile))
            credential.connect_by(lambda: self._own.connection(profile).application)
            with self._lock():
                credential = self._credentials.setdefault(profile, credential)
        return credential

    def sign_in(self, profile: Profile, *, scopes: tuple[str, ...], timeout_s: float) -> SignedIn:
        """Sign in anew, whatever credential there is: the secret may have been mended.

        Args:
            profile: whose.
            scopes: what to ask for.
            timeout_s: seconds that it may take.

        Raises:
            ConfigError: nothing says what to ask for.
            SignInFailed, ProviderUnavailable: how else it ended.
        """
        from nbauth.signin.login import sign_in_application

        check_scopes(profile, scopes)
        with self._lock():
            if self._own.connections is not None:
                self._own.connections.drop(profile)  # MSAL replays an answer of 400 for a minute
            self._credentials.pop(profile, None)
        signed_in = sign_in_application(self._own.connection(profile), scopes=scopes, timeout_s=timeout_s)
        self._credentials[profile] = signed_in.credential
        return signed_in

    def take(self, names: Iterable[str] | None) -> list[Credential]:
        """Take out the credentials of profiles; None takes all. Who calls holds the kernel's lock."""
        wanted = None if names is None else set(names)
        return [self._credentials.pop(p) for p in list(self._credentials) if wanted is None or p.name in wanted]
