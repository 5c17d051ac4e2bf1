"""Forked children get their tokens from the kernel that signed in: one process alone uses the refresh token.

A refresh token that rotates is good for one use. Children that each used their copy would revoke the sign-in for the
kernel and for one another (RFC 9700 §4.14.2). So a child asks its parent, over a socket that only its descendants
have, and the parent answers with an access token, from its memo or by the one refresh that everybody shares. A child
outlives neither the sign-in nor the kernel, as the kernel's own tokens do not.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import logging
import socket
import threading
from typing import TYPE_CHECKING, Any

from nbauth import errors, next_step
from nbauth.errors import NbauthError, ProviderAnswer, ProviderUnavailable
from nbauth.net.secrecy import HiddenText, clears_frames
from nbauth.signin.tokens.access_token import AccessToken

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbauth.signin.tokens.credential import Credential

__all__ = ["TokenClient", "TokenServer"]

logger = logging.getLogger(__name__)

_PATIENCE_S = 50.0  # a little more than a thread of the parent has
_LARGEST = 1024 * 1024


class TokenServer:
    """The side of the kernel that signed in.

    Args:
        find: returns the credential of a key, as long as it is signed in.
    """

    def __init__(self, find: Callable[[str], Credential | None]) -> None:
        self._find = find
        # Datagrams carry the end of a channel each, so that children share this socket and nothing else.
        self._asks, self._hears = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._listens = False

    def start(self) -> None:
        """Listen; called after a fork, since a thread from before it would make the fork a doubtful one."""
        if not self._listens:
            self._listens = True
            threading.Thread(target=self._listen, name="nbauth-token-server", daemon=True).start()

    def in_child(self) -> TokenClient:
        """Return the child's side. The parent's end is closed here, or the child would never see the parent end."""
        self._hears.close()
        return TokenClient(self._asks)

    def _listen(self) -> None:
        while True:
            try:
                _, handles, *_ = socket.recv_fds(self._hears, 1, 1)
            except OSError:  # no handle is left just now; the child that asked sees its channel end
                logger.debug("A child process could not be heard", exc_info=True)
                continue
            for handle in handles:
                channel = socket.socket(fileno=handle)
                threading.Thread(target=self._answer, args=(channel,), name="nbauth-token-answer", daemon=True).start()

    @clears_frames
    def _answer(self, channel: socket.socket) -> None:
        with channel, contextlib.suppress(OSError):
            channel.settimeout(_PATIENCE_S)
            asked = json.loads(_read(channel))
            channel.sendall(json.dumps(self._lent(asked)).encode())

    def _lent(self, asked: dict[str, Any]) -> dict[str, Any]:
        credential = self._find(asked["key"])
        if credential is None:
            return {}
        try:
            token = credential.access_token(tuple(asked["scopes"]), rejected=asked["rejected"], claims=asked["claims"])
        except NbauthError as error:
            details = {name: value for name, value in vars(error).items() if name != "step"}
            details["next_step"] = next_step.to_json(error.step)
            details["answer"] = error.answer and dataclasses.asdict(error.answer)
            return {"error": type(error).__name__, "message": error.args[0], "details": details}
        # Both clocks are the machine's: a forked child reads the same monotonic one.
        return {"token": dataclasses.asdict(token)}


class TokenClient:
    """The side of a forked child.

    Args:
        asks: what the child has of the parent's sockets.
    """

    def __init__(self, asks: socket.socket) -> None:
        self._asks = asks

    def ask(self, key: str, scopes: tuple[str, ...], *, rejected: str | None, claims: str | None) -> AccessToken | None:
        """Return the parent's token, or None where it has ended or is not signed in any more.

        Raises:
            NbauthError: as in the parent.
        """
        question = json.dumps({"key": key, "scopes": scopes, "rejected": rejected, "claims": claims}).encode()
        mine, theirs = socket.socketpair()
        with mine:
            mine.settimeout(_PATIENCE_S)
            try:
                with theirs:
                    socket.send_fds(self._asks, [b"?"], [theirs.fileno()])
                mine.sendall(question)
                mine.shutdown(socket.SHUT_WR)
                answer = json.loads(_read(mine) or "{}")
            except TimeoutError:
                raise ProviderUnavailable(
                    f"The kernel that this process was forked from gave no token within {_PATIENCE_S:.0f} s.",
                    next_step="Try again.",
                ) from None
            except (
                OSError,
                json.JSONDecodeError,
            ):  # half of an answer: it ended meanwhile; the error would hold that half
                return None
        if "error" in answer:
            raise _error(answer)
        if "token" not in answer:
            return None
        return AccessToken(**{**answer["token"], "secret": HiddenText(answer["token"]["secret"])})


def _read(channel: socket.socket) -> bytes:
    parts = []
    while part := channel.recv(65536):
        parts.append(part)
        if sum(map(len, parts)) > _LARGEST:
            break
    return b"".join(parts)


def _error(answer: dict[str, Any]) -> NbauthError:
    details = dict(answer["details"])
    if "scopes" in details:
        details["scopes"] = tuple(details["scopes"])
    if details["answer"] is not None:
        details["answer"] = ProviderAnswer(**details["answer"])
    details["next_step"] = next_step.from_json(details["next_step"])
    kind = getattr(errors, answer["error"])
    error: NbauthError = kind(answer["message"], **details)
    return error
