"""Forked children get their tokens from the kernel that signed in: one process alone uses the refresh token.

A refresh token that rotates is good for one use. Children that each used their copy would revoke the sign-in for the
kernel and for one another (RFC 9700 §4.14.2). So a child asks its parent, over a socket that only its descendants
have, and the parent answers with an access token, from its memo or by the one refresh that everybody shares. A child
outlives neither the sign-in nor the kernel, as the kernel's own tokens do not.
"""

from __future__ import annotations

import contextlib
import json
import logging
import socket
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, Protocol

from nbauth.errors import NbauthError, ProviderUnavailable
from nbauth.net.secrecy import clears_frames
from nbauth.signin.tokens.refresh_lock import RefreshLock
from nbauth.signin.tokens.sign_in_required import parent_signed_out
from nbauth.signin.tokens.token_wire import error_reply, token_of, token_reply

if TYPE_CHECKING:
    from collections.abc import Callable

    import msal

    from nbauth.errors import SignInRequired
    from nbauth.signin.profile.profile import Profile
    from nbauth.signin.tokens.access_token import AccessToken
    from nbauth.signin.tokens.token_sources import ParentKernel, TokenRequest, TokenSource

__all__ = ["ForkSource", "HasAccessToken", "TokenClient", "TokenServer"]

logger = logging.getLogger(__name__)

_PATIENCE_S = 50.0  # a little more than a thread of the parent has
_LARGEST = 1024 * 1024


class HasAccessToken(Protocol):
    """What gives tokens in the kernel that signed in: a credential."""

    def access_token(
        self,
        scopes: tuple[str, ...],
        *,
        rejected: str | None = None,
        claims: str | None = None,
        life_s: float = 0.0,
    ) -> AccessToken:
        """Return an access token with its times."""


class TokenServer:
    """The side of the kernel that signed in.

    Args:
        find: returns the credential of a key, as long as it is signed in.
    """

    def __init__(self, find: Callable[[str], HasAccessToken | None]) -> None:
        self._find = find
        self._sender, self._receiver = _datagrams()
        self._is_listening = False

    def start(self) -> None:
        """Listen; called after a fork, since a thread from before it would make the fork a doubtful one."""
        if not self._is_listening:
            self._is_listening = True
            threading.Thread(target=self._listen, name="nbauth-token-server", daemon=True).start()

    def in_child(self) -> TokenClient:
        """Return the child's side. The parent's end is closed here, or the child would never see the parent end."""
        self._receiver.close()
        return TokenClient(self._sender)

    def _listen(self) -> None:
        if sys.platform == "win32":
            raise NotImplementedError
        while True:
            try:
                _, handles, *_ = socket.recv_fds(self._receiver, 1, 1)
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
            request = json.loads(_read(channel))
            channel.sendall(json.dumps(self._reply_to(request)).encode())

    def _reply_to(self, request: dict[str, Any]) -> dict[str, Any]:
        credential = self._find(request["key"])
        if credential is None:
            return {}
        try:
            token = credential.access_token(
                tuple(request["scopes"]),
                rejected=request["rejected"],
                claims=request["claims"],
                life_s=request["life_s"],
            )
        except NbauthError as error:
            return error_reply(error)
        return token_reply(token)


class TokenClient:
    """The side of a forked child.

    Args:
        sender: what the child has of the parent's sockets; it carries requests to the parent.
    """

    def __init__(self, sender: socket.socket) -> None:
        self._sender = sender

    def ask(
        self, key: str, scopes: tuple[str, ...], *, rejected: str | None, claims: str | None, life_s: float
    ) -> AccessToken | None:
        """Return the parent's token, or None where it has ended or is not signed in any more.

        Raises:
            NbauthError: as in the parent.
        """
        if sys.platform == "win32":
            raise NotImplementedError
        asked = {"key": key, "scopes": scopes, "rejected": rejected, "claims": claims, "life_s": life_s}
        request = json.dumps(asked).encode()
        asked_at = time.monotonic()
        ours, theirs = socket.socketpair()
        with ours:
            ours.settimeout(_PATIENCE_S)
            try:
                with theirs:
                    socket.send_fds(self._sender, [b"?"], [theirs.fileno()])
                ours.sendall(request)
                ours.shutdown(socket.SHUT_WR)
                answer = json.loads(_read(ours) or "{}")
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
        return token_of(answer, asked_at=asked_at)


class ForkSource:
    """The kernel that this process was forked from: it renews, and ends the sign-in of its children with its own.

    Args:
        profile: whose tokens.
        key: the credential's.
        parent: the kernel; None where it cannot be asked.
        ended: why the sign-in had been ended before the fork, if it had.
    """

    def __init__(
        self, profile: Profile, key: str, parent: ParentKernel | None, *, ended: SignInRequired | None = None
    ) -> None:
        self.refresh_lock = RefreshLock()
        self.ended = ended
        self._profile = profile
        self._key = key
        self._parent = parent

    def renew(self, request: TokenRequest, present: AccessToken | None) -> AccessToken:
        """Ask the kernel, which looks after the present token, too."""
        del present
        token = None
        if self._parent is not None:
            token = self._parent.ask(
                self._key,
                request.scopes,
                rejected=request.rejected,
                claims=request.claims,
                life_s=request.life_s,
            )
        if token is None:
            raise parent_signed_out(self._profile, request.scopes, request.claims)
        return token

    def sign_out(self, holder: object) -> None:
        """Leave the kernel's sign-in as it is: a child ends its own alone."""

    def connect_by(self, connect: Callable[[], msal.ClientApplication]) -> None:
        """Do nothing: the kernel has the client application."""

    def in_child(
        self, key: str, parent: ParentKernel | None, connect: Callable[[], msal.ClientApplication]
    ) -> TokenSource:
        """Return a source that asks the same kernel, and not this child."""
        del key, parent, connect
        return ForkSource(self._profile, self._key, self._parent, ended=self.ended)


def _read(channel: socket.socket) -> bytes:
    parts = []
    while part := channel.recv(65536):
        parts.append(part)
        if sum(map(len, parts)) > _LARGEST:
            break
    return b"".join(parts)


def _datagrams() -> tuple[socket.socket, socket.socket]:
    """Return two ends, between which datagrams carry the end of a channel each: children share nothing else."""
    if sys.platform == "win32":  # where nothing is forked
        raise NotImplementedError
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
