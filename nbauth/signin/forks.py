"""What becomes of the sign-ins in processes that are forked from a kernel: they stay, and the kernel renews."""

from __future__ import annotations

import contextlib
import functools
import os
import threading
from typing import TYPE_CHECKING

from nbauth.net.kept_connections import ConnectionKeeper

if TYPE_CHECKING:
    import msal

    from nbauth.signin.profile.profile import Profile
    from nbauth.signin.state import KernelState
    from nbauth.signin.tokens.credential import Credential

__all__ = ["share_with_forks"]


def share_with_forks(state: KernelState) -> None:
    """Do what is needed before and after each fork from here on.

    Args:
        state: what the kernel holds, and what each child has a copy of.
    """

    def find(key: str) -> Credential | None:
        # A child asks for those that it has, and it has those of every visitor of its parent, as its parent has.
        return next((s.credential for v in state.visits for s in v.signed_in() if s.credential.key == key), None)

    def before() -> None:
        signed_in = [s for visit in state.visits for s in visit.signed_in()]
        # An application renews in each process by itself, but for one that is borrowed.
        people = [s.credential for s in signed_in if s.account.kind == "person" or s.credential.is_borrowed]
        if state.token_server is None and not all(credential.is_forked for credential in people):
            from nbauth.signin.tokens.fork_channel import TokenServer

            with contextlib.suppress(OSError):  # no socket is left: the child has what tokens are good
                state.token_server = TokenServer(find)

    def in_parent() -> None:
        if state.token_server is not None:
            state.token_server.start()

    def in_child() -> None:
        # The child keeps the sign-ins, with locks and connections of its own: the parent's may be held for ever, and
        # two processes would read each other's answers. They are kept, since letting them go would take their locks.
        state.inherited.append((state.lock, state.keeper, [visit.connections for visit in state.visits]))
        state.lock = threading.RLock()
        state.keeper = ConnectionKeeper()
        state.borrower = None  # its thread is the parent's
        for visit in state.visits:
            visit.connections = None
            visit.taking = threading.Lock()
        token_client = None if state.token_server is None else state.token_server.in_child()
        state.token_server = None
        for credential in state.credentials():
            credential.after_fork(token_client, functools.partial(_application, state))
        state.changes.after_fork()
        state.loans.after_fork()

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=before, after_in_parent=in_parent, after_in_child=in_child)


def _application(state: KernelState, profile: Profile) -> msal.ClientApplication:
    """Return the client application of a profile, with the connections of the process that calls this."""
    return state.visits.own.connection(profile).application
