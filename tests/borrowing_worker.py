"""A worker in a process of its own, which borrows by a pipe what the test's kernel lends, and does what it is told."""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, Self

from nbauth import kernel
from nbauth.errors import ProviderUnavailable
from nbauth.signin.tokens.borrowed_source import BorrowedProfile
from nbauth.signin.tokens.token_wire import token_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection

    from nbauth.signin.lending import Lending
    from nbauth.signin.tokens.access_token import AccessToken

__all__ = ["Worker"]


class PipeLender:
    """Asks the kernel by a pipe."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe, self._lock = pipe, threading.Lock()

    def ask(self, profile: str, account: str, scopes: tuple[str, ...], **rest: Any) -> AccessToken:
        """Return the kernel's token."""
        request, asked_at = {"profile": profile, "account": account, "scopes": scopes, **rest}, time.monotonic()
        try:
            with self._lock:
                self._pipe.send(request)
                token = token_of(self._pipe.recv(), asked_at=asked_at)
        except (OSError, EOFError):
            raise ProviderUnavailable("The kernel has ended.") from None
        assert token is not None
        return token


def credential(profile: str = "demo") -> Any:
    """Return a profile's credential in the worker, and the scopes of its first row."""
    found = kernel.config().profiles[profile]
    return kernel.credential_of(found, found.login_scopes), found.login_scopes


def _work(profiles: list[dict[str, Any]], asks: Connection, told: Connection) -> None:
    os.environ.pop("NBAUTH_CONFIG", None)  # it is on another machine
    os.chdir("/")
    borrowed = kernel.borrow(map(BorrowedProfile.from_json, profiles), PipeLender(asks))
    while True:
        try:
            work, arguments = told.recv()
        except EOFError:
            return
        try:
            told.send((borrowed.end(*arguments) if work is None else work(*arguments), None))
        except Exception as error:
            told.send((None, error))


class Worker:
    """A worker, as a context manager.

    Args:
        lending: what lends to it.
    """

    def __init__(self, lending: Lending) -> None:
        self._lending = lending

    def __enter__(self) -> Self:
        # IPython, where a test has made one, puts a module of its own in the place of the main one.
        vars(sys.modules["__main__"]).setdefault("__spec__", None)
        context = multiprocessing.get_context("spawn")
        self.asked, theirs = context.Pipe()
        self._tell, told = context.Pipe()
        profiles = [each.to_json() for each in self._lending.profiles]
        self._process = context.Process(target=_work, args=(profiles, theirs, told))
        self._process.start()
        theirs.close(), told.close()
        self.requests: list[dict[str, Any]] = []
        threading.Thread(target=self._answer, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._tell.close()
        self._process.join(30)
        self.asked.close()

    def _answer(self) -> None:
        while True:
            try:
                self.requests.append(self.asked.recv())
                self.asked.send(self._lending.reply_to(self.requests[-1]))
            except (OSError, EOFError):
                return

    def do(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """Return what a function returns in the worker, or raise what it raises."""
        return self._told(work, arguments)

    def end(self, *profiles: str) -> None:
        """Tell the worker that loans have ended."""
        self._told(None, (profiles,))

    def _told(self, work: Callable[..., Any] | None, arguments: tuple[Any, ...]) -> Any:
        self._tell.send((work, arguments))
        value, error = self._tell.recv()
        if error is not None:
            raise error
        return value
