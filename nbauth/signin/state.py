"""What a kernel holds: profiles that were added, approvals, and what belongs to whom. `nbauth.kernel` makes the one."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Protocol

from nbauth.net.kept_connections import ConnectionKeeper
from nbauth.process.visitors import Unnamed
from nbauth.signin.applications import Applications
from nbauth.signin.changes import ChangeNotifier
from nbauth.signin.loans import Loans
from nbauth.signin.profile.approvals import Approvals
from nbauth.signin.profile.config import Reader
from nbauth.signin.visits import Visits

if TYPE_CHECKING:
    from collections.abc import Collection

    from nbauth.net.bundles import Bundle
    from nbauth.process.visitors import Whose
    from nbauth.signin.profile.profile import Profile
    from nbauth.signin.registry import SignIns
    from nbauth.signin.tokens.borrowed_source import BorrowedProfile
    from nbauth.signin.tokens.connection import Connections
    from nbauth.signin.tokens.credential import Credential, SignedIn
    from nbauth.signin.tokens.fork_channel import TokenServer
    from nbauth.signin.visits import Visit

__all__ = ["KernelState"]


class Sharing(Protocol):
    """What lends to the processes that the kernel starts."""

    @property
    def is_of_this_process(self) -> bool:
        """Whether it is no copy in a forked child."""

    @property
    def profiles(self) -> tuple[BorrowedProfile, ...]:
        """What is lent now."""

    @property
    def path(self) -> str | None:
        """Where the socket is, once there is one."""

    @property
    def borrowers(self) -> int:
        """How many processes borrow at present."""

    def add(self, profile: str | None) -> tuple[BorrowedProfile, ...]:
        """Lend a profile, or all that are in use."""

    def end(self, profiles: Collection[str]) -> None:
        """Lend profiles no longer."""

    def close(self) -> None:
        """Answer nobody any more."""


class Borrowing(Protocol):
    """What takes up what is shared with this process."""

    path: str

    def take_up(self) -> None:
        """Borrow what is lent, unless it is borrowed already."""


class KernelState:
    """What a kernel holds. Everything is behind `lock`; nothing of it is on disk.

    Attributes:
        lock: guards it; a forked child has another one.
        token_server: gives tokens to forked children, once there are any.
        share: lends to the processes that the kernel starts, once it shares its sign-ins.
        borrower: takes up what the kernel shares that started this process.
        keeper: keeps the connections to APIs between loads; a forked child has another one.
        inherited: what a forked child keeps of its parent and never uses.
        added: profiles that were made in code, by name.
        default: name of the profile that a kernel which lends its sign-ins calls the default one.
        approvals: which configurations may be used.
        reader: reads the configuration.
        visits: who is signed in, for each person.
        applications: the credentials of applications, for all visitors.
        changes: tells who watches.
        loans: what the sign-ins are lent to.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.share: Sharing | None = None
        self.borrower: Borrowing | None = None
        self.token_server: TokenServer | None = None
        self.keeper = ConnectionKeeper()
        self.inherited: list[object] = []
        self.forget()

    def forget(self) -> None:
        """Begin anew, as in a kernel that was just started."""
        self.added: dict[str, Profile] = {}
        self.default: str | None = None
        self.approvals = Approvals()
        self.reader = Reader()
        self.visits = Visits(lambda: self.lock, check=self.check_approval)
        self.applications = Applications(lambda: self.lock, self.visits.own)
        self.changes = ChangeNotifier()
        self.loans = Loans()

    def close_connections(self) -> None:
        """Close the connections to providers and APIs; what is in the middle of an answer is closed behind it."""
        for visit in self.visits:
            visit.close()
        self.keeper.close()

    def check_approval(self, profile: Profile, bundle: Bundle | None) -> None:
        """Raise `ApprovalRequired` for a profile of a folder's that needs an approval and has none."""
        if profile.name not in self.added:  # those are made in code
            self.approvals.check(profile, bundle)

    def activate(self, signed_in: SignedIn, visit: Visit, here: Whose) -> None:
        """Make a sign-in the present one of its profile, and tell who watches.

        Args:
            signed_in: the sign-in.
            visit: what connects its profile to the provider.
            here: whose it is, unless it is an application's.
        """
        profile = signed_in.credential.profile
        if profile.kind == "application" or profile.is_confidential:
            signed_in.credential.connect_by(lambda: visit.connection(profile).application)
        if signed_in.account.kind == "application":
            self.visits.own.registry().choose(signed_in)
            self.changes.notify()
        elif not isinstance(here, Unnamed):
            self.visits.of(here).registry().choose(signed_in)
            self.changes.notify(here)

    def credentials(self) -> list[Credential]:
        """Return every credential."""
        return [*self.applications, *(s.credential for visit in self.visits for s in visit.signed_in())]

    @property
    def sign_ins(self) -> SignIns | None:
        """The sign-ins of the one person whose process it is, and of applications."""
        return self.visits.own.sign_ins

    @property
    def connections(self) -> Connections | None:
        """The client applications of the same."""
        return self.visits.own.connections
