"""What belongs to each person of a process: the one whose kernel it is, or a server's visitors, each for a visit."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

from nbauth.environment import detect
from nbauth.errors import ConfigError
from nbauth.net.secrecy import clears_frames
from nbauth.process import visitors
from nbauth.process.shielded import load
from nbauth.process.visitors import Unnamed
from nbauth.signin.profile.source_names import asks_nobody

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from nbauth.net.bundles import Bundle
    from nbauth.process.visitors import Visitor, Whose
    from nbauth.signin.profile.account import Account
    from nbauth.signin.profile.profile import Profile
    from nbauth.signin.registry import SignIns
    from nbauth.signin.tokens.connection import Connection, Connections
    from nbauth.signin.tokens.credential import SignedIn

__all__ = ["Visit", "Visits", "keeps_sign_ins", "server_of"]

logger = logging.getLogger(__name__)

_EVERY_S = 20.0
_MOST = 1_000  # visits with something in them at once; each that signed in holds 1 MB


class Visit:
    """What belongs to one person. Both are made when they are needed: they take MSAL along.

    Args:
        lock: returns the kernel's lock.
        check: raises where a profile may not be used yet.

    Attributes:
        connections: those to providers, with the token caches that hold this person's tokens and nobody else's.
        sign_ins: as whom the person is signed in.
        taking: held while a sign-in is taken that is there already.
        untold: who was taken in that way and not shown yet, by profile.
        signed_out: the profiles that the person signed out of: no sign-in is taken again until they sign in.
    """

    def __init__(self, lock: Callable[[], threading.RLock], check: Callable[[Profile, Bundle | None], None]) -> None:
        self._lock = lock
        self._check = check
        self.connections: Connections | None = None
        self.sign_ins: SignIns | None = None
        self.taking = threading.Lock()
        self.untold: dict[str, Account] = {}
        self.signed_out: set[str] = set()

    def check(self, profile: Profile) -> None:
        """Raise `ApprovalRequired` for a profile that came with a folder and was not approved."""
        from nbauth.net.bundles import bundle_of

        self._check(profile, bundle_of(profile.ca_bundle))

    @clears_frames
    def connection(self, profile: Profile) -> Connection:
        """Return the connection of a profile, on this person's token caches.

        Raises:
            ApprovalRequired: the profile came with a folder and was not approved.
            ConfigError, ProviderUnavailable: as `connect`.
        """
        load("nbauth.signin.tokens.connection")
        from nbauth.net.bundles import bundle_of
        from nbauth.signin.tokens.connection import Connections

        if profile.resolved_authority.kind == "sources":
            raise ConfigError(
                f"Profile {profile.name!r}: takes the sign-in of {', '.join(profile.source)}, and has no client "
                "application of its own.",
                next_step="Give it client_id and where to sign in.",
            )
        bundle = bundle_of(profile.ca_bundle)
        self._check(profile, bundle)
        with self._lock():
            if self.connections is None:
                self.connections = Connections()
            connections = self.connections
        return connections.of(profile, bundle)

    def registry(self) -> SignIns:
        """Return the sign-ins, to add to them."""
        load("nbauth.signin.registry")
        from nbauth.signin.registry import SignIns

        with self._lock():
            if self.sign_ins is None:
                self.sign_ins = SignIns()
            return self.sign_ins

    def signed_in(self) -> list[SignedIn]:
        """Return the sign-ins."""
        return list(self.sign_ins or ())

    def known(
        self, profile: Profile, account: str | None, scopes: tuple[str, ...], *, with_remembered: bool
    ) -> tuple[SignedIn | None, str | None]:
        """Return who is signed in to a profile already, here or in an earlier kernel, and nobody is asked for.

        Args:
            profile: a person's.
            account: the sign-in name that is wanted, or None.
            scopes: what a token must be had for.
            with_remembered: whether what earlier kernels remembered counts.

        Returns:
            The sign-in, or None where a person has to be asked; and the claims challenge that they have to meet.

        Raises:
            ProviderUnavailable: a token has to be renewed and the provider is down.
        """
        from nbauth.signin.remembered import service

        sign_ins = self.registry()
        here = sign_ins.fitting(profile, account)
        if here and here[0].credential.needs_person:
            return None, here[0].credential.unmet_claims
        signed_in = sign_ins.known(profile, account, scopes, connect=self.connection)
        if signed_in is None and with_remembered and not asks_nobody(profile.source):
            here = sign_ins.fitting(profile, account, any_tenant=True)
            signed_in = service.take(profile, account, scopes, here=here, connect=self.connection)
        return signed_in, None

    def end(self) -> None:
        """Hand out no token any more, also to a load that goes on."""
        for signed_in in self.signed_in():
            signed_in.credential.forget()
        self.close()

    def close(self) -> None:
        """Close the connections to providers."""
        if self.connections is not None:
            self.connections.close()


class Visits:
    """The visits of a process.

    Args:
        lock: returns the kernel's lock, which is another one in a forked child.
        check: raises where a profile may not be used yet.

    Attributes:
        own: what belongs to the one whose process it is. What an application is signed in to is there, too: it is for
            all visitors.
    """

    def __init__(self, lock: Callable[[], threading.RLock], *, check: Callable[[Profile, Bundle | None], None]) -> None:
        self.own = Visit(lock, check)
        self._lock = lock
        self._check = check
        self._of: dict[Visitor, Visit] = {}
        self._watcher: threading.Thread | None = None

    def __iter__(self) -> Iterator[Visit]:
        return iter([self.own, *self._of.values()])

    def of(self, visitor: Visitor | None) -> Visit:
        """Return what belongs to a visitor; None is the one whose process it is."""
        if visitor is None:
            return self.own
        with self._lock():
            visit = self._of.pop(visitor, None)
            if visit is None:
                self.end_those_over()
                visit = Visit(self._lock, self._check)
            self._of[visitor] = visit  # the last one that was here is the last one
            if self._watcher is None or not self._watcher.is_alive():  # as in a forked child
                self._watcher = threading.Thread(target=self._watch, name="nbauth-visits", daemon=True)
                self._watcher.start()
            return visit

    def serving(self, profile: Profile, here: Whose) -> Visit:
        """Return whose connections and sign-ins serve a profile here.

        Raises:
            SignInRequired: it is a person's, and nothing tells whose visit this is.
        """
        if profile.kind == "application":
            return self.own
        if isinstance(here, Unnamed):
            raise visitors.not_named(here, profile=profile.name, scopes=profile.login_scopes)
        return self.of(here)

    def end_those_over(self) -> None:
        """End the visits that are over, and the ones that nobody was in for longest where there are too many.

        Who calls holds the kernel's lock.
        """
        over = [visitor for visitor in self._of if visitor.is_over]
        others = [visitor for visitor in self._of if not visitor.is_over]
        surplus = others[: max(0, len(others) - _MOST + 1)]
        if surplus:
            logger.warning("More than %s visits at once: the sign-ins of %s of them ended", _MOST, len(surplus))
        for visitor in (*over, *surplus):
            self._of.pop(visitor).end()

    def _watch(self) -> None:
        # Not every framework calls back at the end of a visit, and none waits for a token that nobody can reach.
        while True:
            time.sleep(_EVERY_S)
            with self._lock():
                self.end_those_over()
                if not self._of:
                    self._watcher = None
                    return


def keeps_sign_ins(here: Whose) -> bool:
    """Tell whether sign-ins are remembered here. They are the server's user's: no visitor gets, adds or ends one."""
    return here is None and detect().front_end != "voila"  # which has a kernel for each visitor


def server_of(here: Whose) -> str:
    """Return the name of the server that serves visitors here, where `keeps_sign_ins` is false."""
    return "Voila" if here is None else here.server
