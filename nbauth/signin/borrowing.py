"""Borrowing: a process without a sign-in of its own takes up what a kernel lends, and works as if it had signed in."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from nbauth.errors import SignInRequired
from nbauth.signin.profile.account import Account
from nbauth.signin.tokens.borrowed_source import BorrowedSource
from nbauth.signin.tokens.credential import Credential, SignedIn

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nbauth.signin.profile.profile import Profile
    from nbauth.signin.state import KernelState
    from nbauth.signin.tokens.borrowed_source import BorrowedProfile, Lender

__all__ = ["Borrowed"]


class Borrowed:
    """What a process has borrowed. Its profiles come before those of the same names in ``nbauth.toml``.

    Args:
        state: what the process holds.
        loans: what is lent.
        lender: whom to ask for tokens.

    Raises:
        ConfigError: the certificate authorities of a profile are not where it says on this machine.
    """

    def __init__(self, state: KernelState, loans: Iterable[BorrowedProfile], lender: Lender) -> None:
        self._state = state
        self._sources: dict[str, tuple[BorrowedSource, Credential]] = {}
        for loan, profile in [(loan, loan.as_profile()) for loan in loans]:
            self._take(loan, profile, lender)
        state.changes.notify()

    @property
    def profiles(self) -> tuple[str, ...]:
        """The names of the profiles that are lent still."""
        return tuple(name for name, (source, _) in list(self._sources.items()) if source.ended is None)

    def end(
        self, profiles: Iterable[str] | None = None, *, why: str = "the kernel no longer shares this sign-in"
    ) -> None:
        """Forget the tokens and hand out no others, at once and for whoever has a session already.

        Args:
            profiles: the names of those that are lent no longer; None for all.
            why: what happened, in words.
        """
        for name in self._sources if profiles is None else profiles:
            source, credential = self._sources.get(name, (None, None))
            if source is None or credential is None or source.ended is not None:
                continue
            source.ended = SignInRequired(
                f"Profile {name!r}: {why}.",
                profile=name,
                next_step=f'In the kernel: nbauth.login("{name}"), then nbauth.share().',
            )
            credential.forget()
        self._state.changes.notify()

    def _take(self, loan: BorrowedProfile, profile: Profile, lender: Lender) -> None:
        registry = self._state.visits.own.registry()
        if any(not s.credential.is_borrowed for s in registry.of(profile.name)):
            return  # somebody has signed in here, or this process was forked from the kernel
        source = BorrowedSource(profile, loan.account, lender)
        credential = Credential(profile, source, account={"home_account_id": loan.account, "username": loan.username})
        account = Account(
            username=loan.username,
            tenant_id=loan.tenant_id,
            home_account_id=loan.account,
            profile=profile.name,
            expires_at=datetime.fromtimestamp(int(time.time()), UTC),  # until a token is there, whose end is shown
            kind=loan.kind,
            name=loan.name,
        )
        with self._state.lock:
            self._state.added[profile.name] = profile
            if loan.is_default:
                self._state.default = profile.name
            registry.choose(SignedIn(account, credential))
        self._sources[profile.name] = (source, credential)
