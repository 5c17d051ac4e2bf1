"""What a sign-in is lent to: the objects of other tools, and the processes, that get tokens of it while they live."""

from __future__ import annotations

import threading
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nbauth.process.visitors import whose

if TYPE_CHECKING:
    from nbauth.process.visitors import Whose

__all__ = ["Loan", "Loans"]


@dataclass(frozen=True)
class Loan:
    """One of them, as a person is shown it; nothing secret.

    Attributes:
        profile: name of the profile whose sign-in it is.
        tool: what takes the tokens, such as ``"azure-core credential"``.
        place: where they go: an origin, or what a share opens.
    """

    profile: str
    tool: str
    place: str


class Loans:
    """The loans of a kernel. An object that nobody holds any more takes its loan along."""

    def __init__(self) -> None:
        # One that its thread may take twice: a holder that is collected in the middle of a note ends its loan there.
        self._lock = threading.RLock()
        self._by_holder: weakref.WeakKeyDictionary[object, tuple[Whose, Loan]] = weakref.WeakKeyDictionary()

    def after_fork(self) -> None:
        """Begin anew in a child process: the parent may have held the lock."""
        self._lock = threading.RLock()

    def note(self, holder: object, loan: Loan) -> None:
        """Note what an object gets, for the calling visitor, as long as it lives."""
        with self._lock:
            self._by_holder[holder] = (whose(), loan)

    def end(self, holder: object) -> None:
        """Forget an object that gets nothing any more."""
        with self._lock:
            self._by_holder.pop(holder, None)

    def of(self, visitor: Whose) -> list[Loan]:
        """Return those of a visitor, the oldest first."""
        with self._lock:
            # Neither is what is gone through changed by a holder that ends meanwhile.
            holders = [holder for reference in self._by_holder.keyrefs() if (holder := reference()) is not None]
            noted = [self._by_holder.get(holder) for holder in holders]
            return [each[1] for each in noted if each is not None and each[0] is visitor]
