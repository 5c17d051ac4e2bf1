"""share(): this kernel's sign-ins for the processes that it starts, and for the workers of a Dask client."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Self, overload

from nbauth import kernel

if TYPE_CHECKING:
    from types import TracebackType

    from distributed import Client

    from nbauth.signin.state import Sharing
    from nbauth.signin.tokens.borrowed_source import BorrowedProfile

__all__ = ["Share", "share"]


@overload
def share(client: None = None, profile: str | None = None) -> Share: ...


@overload
def share(client: Client, profile: str | None = None) -> Any: ...


def share(client: Client | None = None, profile: str | None = None) -> Any:
    """Let other processes use this kernel's sign-ins: those that it starts, or the workers of a Dask client.

    Without a client it is for the processes that this one starts from now on, at however many removes: `spawn`,
    joblib, `subprocess`, Dask's LocalCluster, Ray, PySpark on this machine. There `nbauth.read`, `nbauth.session`,
    ``nbauth+https://`` and every adapter work as here, and ask this kernel for tokens: the refresh token stays here.
    They get what the rows of `apis` of the shared profiles say, as long as the same account is signed in; after a
    sign-out their tokens are forgotten. Any program that this kernel starts may ask from then on, also one that a
    library runs.

    Args:
        client: a `distributed.Client`, whose workers may be on other machines; None for processes started here.
        profile: name of the profile; None shares all that somebody is signed in to now.

    Returns:
        A `Share`, which says in one line what is open. Its `end` ends it, as does leaving it as a context manager.

    Raises:
        SignInRequired: nobody is signed in, or this is a server with several visitors.
        ConfigError: there is no such profile, or the system is not Linux.
    """
    if client is not None:
        return importlib.import_module("nbauth.adapters.dask").share(client, profile)
    lends = kernel.share(profile)
    return Share(lends, tuple(each for each in lends.profiles if profile in (None, each.profile)))


class Share:
    """What `share` opened to the processes that this one starts; a context manager, which ends it.

    Args:
        lends: lends to them.
        shared: what it lends by this call.
    """

    def __init__(self, lends: Sharing, shared: tuple[BorrowedProfile, ...]) -> None:
        self._lends = lends
        self._shared = shared

    @property
    def profiles(self) -> tuple[str, ...]:
        """The names of the profiles that are shared still."""
        present = self._lends.profiles
        return tuple(each.profile for each in self._shared if each in present)

    @property
    def processes(self) -> int:
        """How many processes borrow at present."""
        return self._lends.borrowers

    def end(self) -> None:
        """Share these profiles no longer: the processes forget their tokens, and get no others."""
        self._lends.end(self.profiles)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.end()

    def __repr__(self) -> str:
        names = self.profiles
        if not names:
            return "<nbauth.share: nothing is shared any more>"
        each = [f"{s.profile} as {s.username} for {', '.join(s.apis)}" for s in self._shared if s.profile in names]
        return f"<nbauth.share: programs that this kernel starts may ask it for tokens of {'; '.join(each)}>"
