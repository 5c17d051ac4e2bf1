"""What becomes of the sign-ins in processes that are forked from a kernel: they stay, and the kernel renews."""

from __future__ import annotations

import contextlib
import os
import threading
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    import msal

    from nbauth.signin.changes import ChangeNotifier
    from nbauth.signin.profile.profile import Profile
    from nbauth.signin.tokens.credential import Credential
    from nbauth.signin.tokens.fork_channel import TokenServer
    from nbauth.signin.visits import Visits

__all__ = ["ForkedState", "share_with_forks"]


class ForkedState(Protocol):
    """What a kernel holds, as far as its children share it.

    Attributes:
        lock: guards it.
        token_server: lends tokens to children, once there are any.
        inherited: what a child keeps of its parent and never uses.
        visits: what belongs to whom: client applications and sign-ins.
        changes: who watches.
    """

    lock: threading.RLock
    token_server: TokenServer | None
    inherited: list[object]
    visits: Visits
    changes: ChangeNotifier

    def credentials(self) -> list[Credential]:
        """Return every credential."""


def share_with_forks(kernel: ForkedState, *, connect: Callable[[Profile], msal.ClientApplication]) -> None:
    """Do what is needed before and after each fork from here on.

    Args:
        kernel: what is shared.
        connect: makes the client application of a profile, with the connections of the process that calls it.
    """

    def find(key: str) -> Credential | None:
        # A child asks for those that it has, and it has those of every visitor of its parent, as its parent has.
        return next((s.credential for v in kernel.visits for s in v.signed_in() if s.credential.key == key), None)

    def before() -> None:
        signed_in = [s for visit in kernel.visits for s in visit.signed_in()]
        people = [s.credential for s in signed_in if s.account.kind == "person"]
        if kernel.token_server is None and not all(credential.is_forked for credential in people):
            from nbauth.signin.tokens.fork_channel import TokenServer

            with contextlib.suppress(OSError):  # no socket is left: the child has what tokens are good
                kernel.token_server = TokenServer(find)

    def in_parent() -> None:
        if kernel.token_server is not None:
            kernel.token_server.start()

    def in_child() -> None:
        # The child keeps the sign-ins, with locks and connections of its own: the parent's may be held for ever, and
        # two processes would read each other's answers. They are kept, since letting them go would take their locks.
        kernel.inherited.append((kernel.lock, [visit.connections for visit in kernel.visits]))
        kernel.lock = threading.RLock()
        for visit in kernel.visits:
            visit.connections = None
        token_client = None if kernel.token_server is None else kernel.token_server.in_child()
        kernel.token_server = None
        for credential in kernel.credentials():
            credential.after_fork(token_client, connect)
        kernel.changes.after_fork()

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=before, after_in_parent=in_parent, after_in_child=in_child)
