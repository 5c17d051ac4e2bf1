"""A kernel's sign-ins for the processes that it starts: what it lends them, and how such a process takes it up."""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from nbauth.environment import SHARED_AT
from nbauth.errors import ConfigError
from nbauth.process.descendants import are_known
from nbauth.signin.borrowing import Borrowed
from nbauth.signin.lending import Lending
from nbauth.signin.tokens.borrowed_source import BorrowedProfile
from nbauth.signin.tokens.share_channel import ShareServer, SocketLender

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from nbauth.signin.lending import Kernel
    from nbauth.signin.state import KernelState

__all__ = ["Borrower", "LocalShare"]

_AGAIN_S = 1.0  # how often a kernel that could not be reached is tried


class LocalShare:
    """What a kernel lends to the processes that it starts, by a socket whose path they inherit as a variable.

    Once opened it stays, with nothing lent after a sign-out: the same processes borrow again after the next `add`.

    Args:
        kernel: the kernel that lends.

    Raises:
        ConfigError: it does not work on this system.
        SignInRequired: a server with several visitors runs here.
    """

    def __init__(self, kernel: Kernel) -> None:
        if not are_known():
            raise ConfigError(
                "nbauth.share(): this system does not tell which process started which; it works on Linux.",
                next_step="Use threads.",
            )
        self._lending = Lending(kernel, tool="processes started here", on_end=self._tell_ended)
        self._pid = os.getpid()
        self._server: ShareServer | None = None

    @property
    def is_of_this_process(self) -> bool:
        """Whether it is no copy in a forked child."""
        return self._pid == os.getpid()

    @property
    def profiles(self) -> tuple[BorrowedProfile, ...]:
        """What is lent now."""
        return self._lending.profiles

    @property
    def path(self) -> str | None:
        """Where the socket is, once there is one."""
        return None if self._server is None else self._server.path

    @property
    def borrowers(self) -> int:
        """How many processes borrow at present."""
        return 0 if self._server is None else self._server.borrowers

    def add(self, profile: str | None) -> tuple[BorrowedProfile, ...]:
        """Lend a profile, or all that are in use; errors are those of `Lending.add`."""
        profiles = self._lending.add(profile)
        if self._server is None:
            try:
                self._server = ShareServer(self)
            except OSError as error:
                self._lending.end()
                raise ConfigError(f"nbauth.share(): no socket can be made: {error}.") from None
        os.environ[SHARED_AT] = self._server.path
        self._server.tell(self.told())
        return profiles

    def end(self, profiles: Collection[str]) -> None:
        """Lend profiles no longer."""
        self._lending.end(profiles)

    def close(self) -> None:
        """Answer nobody any more."""
        if self._server is None:
            return
        if os.environ.get(SHARED_AT) == self._server.path:
            del os.environ[SHARED_AT]
        self._server.close()

    def told(self) -> dict[str, Any]:
        """Return what is lent, as JSON."""
        return {"profiles": [profile.to_json() for profile in self._lending.profiles]}

    def reply_to(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return the reply to a request for a token."""
        return self._lending.reply_to(request)

    def _tell_ended(self, profiles: tuple[str, ...]) -> None:
        if self._server is not None:
            self._server.tell({"ended": profiles})


class Borrower:
    """What a process takes up that a kernel which shares has started, and a thread that hears when it ends.

    Args:
        state: what the process holds.
        path: of the kernel's socket.
    """

    def __init__(self, state: KernelState, path: str) -> None:
        self.path = path
        self._state = state
        self._lock = threading.RLock()  # who is told of what was taken up may look for it
        self._borrowed: Borrowed | None = None
        self._not_before = 0.0
        self._is_connected = False
        self._is_at_it = False

    def take_up(self) -> None:
        """Borrow what is lent, unless it is borrowed already; nothing happens where no kernel answers.

        Raises:
            ConfigError: the certificate authorities of a profile are not where it says.
        """
        if not self._is_connected:
            with self._lock:
                self._connect_once()

    def _connect_once(self) -> None:
        if self._is_connected or self._is_at_it or time.monotonic() < self._not_before:
            return
        self._is_at_it = True
        try:
            self._connect()
        finally:
            self._is_at_it = False
            self._not_before = time.monotonic() + _AGAIN_S

    def _connect(self) -> None:
        lender = SocketLender(self.path)
        messages, first = lender.messages(), None
        with suppress(OSError, ValueError):
            first = next(messages, None)
        if first is not None:
            self._hear(first, lender)
            self._is_connected = True
            threading.Thread(target=self._listen, args=(messages, lender), name="nbauth-borrower", daemon=True).start()

    def _listen(self, messages: Iterator[dict[str, Any]], lender: SocketLender) -> None:
        with suppress(OSError, ValueError):
            for message in messages:
                self._hear(message, lender)
        if self._borrowed is not None:
            self._borrowed.end(why="the kernel that shared this sign-in has ended")
        self._is_connected = False

    def _hear(self, message: dict[str, Any], lender: SocketLender) -> None:
        if self._borrowed is not None:
            self._borrowed.end(message.get("ended", ()))
        if profiles := [BorrowedProfile.from_json(each) for each in message.get("profiles", ())]:
            self._borrowed = Borrowed(self._state, profiles, lender)
