"""The socket by which processes that a kernel started borrow its sign-ins: this machine's, this user's, Linux's.

It lies in a folder of the user's alone. The system tells who is at the other end (SO_PEERCRED, unix(7)): the kernel
answers its own user's processes that it started, at however many removes, and a process asks nobody but a process that
it was started by. So a variable that came with somebody's files leads to nobody, and an orphan gets nothing.
It keeps out accidents and other users. Whoever is this user already can read this process's memory.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import socket
import struct
import sys
import tempfile
import threading
import time
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from nbauth.errors import ProviderUnavailable, SignInRequired
from nbauth.net.secrecy import clears_frames
from nbauth.process.descendants import is_descendant
from nbauth.signin.tokens.token_wire import request_for, token_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nbauth.signin.tokens.access_token import AccessToken

__all__ = ["Desk", "ShareServer", "SocketLender"]

logger = logging.getLogger(__name__)

_PATIENCE_S = 50.0  # a little more than a thread of the kernel has
_REQUEST_S = 10.0  # for a request, which is there at once
_LARGEST = 1024 * 1024
_LONGEST_PATH = 100  # of 108 (unix(7))


class Desk(Protocol):
    """What the kernel answers."""

    def told(self) -> dict[str, Any]:
        """Return what is lent now, for a process that begins to borrow."""

    def reply_to(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return the reply to a request for a token."""


class ShareServer:
    """The kernel's side: a thread that answers, from now until `close`.

    Args:
        desk: knows what is lent.

    Attributes:
        path: of the socket.

    Raises:
        OSError: no socket can be made.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._pid = os.getpid()
        self._uid = _own_uid()
        self._lock = threading.Lock()
        self._borrowers: set[socket.socket] = set()
        self._folder = _private_folder()
        self.path = str(self._folder / "socket")
        self._listener = _unix_socket()
        try:
            self._listener.bind(self.path)
            self._listener.listen(128)
        except OSError:
            self.close()
            raise
        _servers.add(self)
        threading.Thread(target=self._listen, name="nbauth-share", daemon=True).start()

    @property
    def is_of_this_process(self) -> bool:
        """Whether it is no copy in a forked child."""
        return self._pid == os.getpid()

    @property
    def borrowers(self) -> int:
        """How many processes borrow at present."""
        return len(self._borrowers)

    def tell(self, message: dict[str, Any]) -> None:
        """Tell every process that borrows."""
        if sys.platform != "linux":
            raise NotImplementedError
        line = json.dumps(message).encode() + b"\n"
        with self._lock:
            for borrower in self._borrowers:
                try:
                    borrower.send(line, socket.MSG_DONTWAIT)
                except OSError:  # it has ended, or has not listened for long, and then it is to find out by itself
                    with contextlib.suppress(OSError):
                        borrower.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Answer nobody any more."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread, too
        self.leave()
        if self.is_of_this_process:
            shutil.rmtree(self._folder, ignore_errors=True)

    def leave(self) -> None:
        """Close the handles, as a forked child has to: its copies would keep the kernel's end from being seen."""
        self._listener.close()
        for borrower in list(self._borrowers):
            if self.is_of_this_process:
                with contextlib.suppress(OSError):
                    borrower.shutdown(socket.SHUT_RDWR)
            borrower.close()

    def _listen(self) -> None:
        while True:
            try:
                channel, _ = self._listener.accept()
            except OSError:
                if self._listener.fileno() < 0 or not Path(self.path).exists():
                    return
                logger.debug("A process could not be heard", exc_info=True)
                time.sleep(0.1)  # no handle is left just now
                continue
            threading.Thread(target=self._answer, args=(channel,), name="nbauth-share-answer", daemon=True).start()

    @clears_frames
    def _answer(self, channel: socket.socket) -> None:
        with channel, contextlib.suppress(OSError, ValueError, RecursionError):
            pid, uid = _peer(channel)
            if uid != self._uid or not is_descendant(pid, self._pid):
                logger.warning("Process %s of user %s asked for a sign-in, and was not started from here", pid, uid)
                return
            channel.settimeout(_REQUEST_S)
            request = json.loads(_line(channel))
            if not isinstance(request, dict):
                return
            if request.get("borrow"):
                self._serve(channel)
                return
            reply = json.dumps(self._desk.reply_to(request)).encode() + b"\n"
            channel.sendall(reply)

    def _serve(self, channel: socket.socket) -> None:
        """Tell a process what is lent, and whatever changes, as long as it lives."""
        with self._lock:
            channel.sendall(json.dumps(self._desk.told()).encode() + b"\n")
            self._borrowers.add(channel)
        try:
            channel.settimeout(None)
            while channel.recv(64):
                pass
        finally:
            with self._lock:
                self._borrowers.discard(channel)


class SocketLender:
    """The side of a process that borrows: asks the kernel that started it.

    Args:
        path: of the socket.
    """

    def __init__(self, path: str) -> None:
        self._path = path

    def ask(
        self,
        profile: str,
        account: str,
        scopes: tuple[str, ...],
        *,
        rejected_digest: str | None,
        claims: str | None,
        life_s: float,
    ) -> AccessToken:
        """Return the kernel's token, as `Lender` says."""
        request = request_for(profile, account, scopes, rejected_digest=rejected_digest, claims=claims, life_s=life_s)
        asked_at, token = time.monotonic(), None
        try:
            with self._connected() as channel:
                channel.settimeout(_PATIENCE_S)
                channel.sendall(request + b"\n")
                token = token_of(json.loads(_line(channel) or b"{}"), asked_at=asked_at)
        except TimeoutError:
            raise ProviderUnavailable(
                f"Profile {profile!r}: the kernel that shares this sign-in gave no token within {_PATIENCE_S:.0f} s.",
                next_step="Try again.",
            ) from None
        except (OSError, json.JSONDecodeError):  # it has ended meanwhile; half of an answer stays in no error
            token = None
        if token is None:
            raise SignInRequired(
                f"Profile {profile!r}: the kernel that shared this sign-in has ended, or did not start this process.",
                profile=profile,
                scopes=scopes,
                claims=claims,
            )
        return token

    def messages(self) -> Iterator[dict[str, Any]]:
        """Yield what the kernel lends, and then what changes; ends when the kernel does.

        Raises:
            OSError: there is no kernel, or it is none that started this process.
        """
        with self._connected() as channel, channel.makefile("rb") as lines:
            channel.settimeout(_PATIENCE_S)
            channel.sendall(b'{"borrow": true}\n')
            first = lines.readline(_LARGEST)
            channel.settimeout(None)
            while first:
                yield json.loads(first)
                first = lines.readline(_LARGEST)

    def _connected(self) -> socket.socket:
        channel = _unix_socket()
        try:
            channel.settimeout(_PATIENCE_S)
            channel.connect(self._path)
            _check_ancestor(channel)
        except BaseException:
            channel.close()
            raise
        return channel


_servers: weakref.WeakSet[ShareServer] = weakref.WeakSet()


def _leave_in_child() -> None:
    for server in list(_servers):
        server.leave()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_in_child)


def _private_folder() -> Path:
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    for parent in (runtime, tempfile.gettempdir(), "/tmp"):  # noqa: S108 - the folder in it is this user's alone
        if parent and len(parent) < _LONGEST_PATH - 24 and os.access(parent, os.W_OK):
            return Path(tempfile.mkdtemp(prefix="nbauth-", dir=parent))  # 0700 by definition
    raise OSError("there is no folder for a socket")


def _unix_socket() -> socket.socket:
    if sys.platform != "linux":  # the variable that names the path came here from somewhere else
        raise OSError("this system does not tell who is at the other end of a socket")
    return socket.socket(socket.AF_UNIX)


def _own_uid() -> int:
    if sys.platform == "win32":
        raise NotImplementedError
    return os.getuid()


def _check_ancestor(channel: socket.socket) -> None:
    pid, uid = _peer(channel)  # of who listens there
    if uid != _own_uid() or not is_descendant(os.getpid(), pid):
        raise PermissionError("who listens there did not start this process")


def _peer(channel: socket.socket) -> tuple[int, int]:
    """Return the process and the user at the other end, as the system knows them."""
    if sys.platform != "linux":
        raise NotImplementedError
    size = struct.calcsize("3i")
    pid, uid, _ = struct.unpack("3i", channel.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    return pid, uid


def _line(channel: socket.socket) -> bytes:
    parts: list[bytes] = []
    while part := channel.recv(65536):
        parts.append(part)
        if part.endswith(b"\n") or sum(map(len, parts)) > _LARGEST:
            break
    return b"".join(parts)
