"""The one place with state: what this kernel is signed in to, and the functions that act on it.

In a server with several visitors a person's sign-in belongs to one of them (`nbauth.process.visitors`). Profiles that
were added, applications and the configuration are for all.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
import time
from typing import TYPE_CHECKING

from nbauth.environment import SHARED_AT, detect, notebook_directory
from nbauth.errors import ConfigError, NbauthError
from nbauth.net.bundles import bundle_of
from nbauth.net.secrecy import clears_frames
from nbauth.process import visitors
from nbauth.process.shielded import load
from nbauth.process.visitors import Unnamed, Visitor
from nbauth.signin.forks import share_with_forks
from nbauth.signin.profile.source_names import asks_nobody
from nbauth.signin.state import KernelState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from nbauth.environment import Environment
    from nbauth.net.bundles import Bundle
    from nbauth.net.kept_connections import KeptConnections
    from nbauth.net.tls import Trust
    from nbauth.process.visitors import Whose
    from nbauth.signin.borrowing import Borrowed
    from nbauth.signin.flows.prompt import Prompt
    from nbauth.signin.lending import Lending
    from nbauth.signin.loans import Loan
    from nbauth.signin.login_request import LoginRequest
    from nbauth.signin.profile.account import Account
    from nbauth.signin.profile.config import Config
    from nbauth.signin.profile.profile import Profile
    from nbauth.signin.state import Sharing
    from nbauth.signin.tokens.borrowed_source import BorrowedProfile, Lender
    from nbauth.signin.tokens.connection import Connection
    from nbauth.signin.tokens.credential import Credential

__all__ = [
    "accounts",
    "add_profile",
    "borrow",
    "check_approval",
    "config",
    "connection_of",
    "credential_of",
    "is_in_use",
    "is_signed_in",
    "just_taken",
    "kept_connections",
    "lending",
    "lent",
    "loan_ended",
    "loans",
    "login",
    "logout",
    "profile_names",
    "ready",
    "reset",
    "share",
    "trust",
    "trusted_bundle",
    "version",
    "watch",
]

_state = KernelState()


@atexit.register
def _drain_renewals() -> None:
    # A renewal that ends with the process may lose a refresh token that others, or a later kernel, still need.
    deadline = time.monotonic() + 5.0
    for credential in _state.credentials():
        credential.settle(deadline)
    _state.close_connections()
    if _state.share is not None:
        _state.share.close()


def reset() -> None:
    """Forget every sign-in, added profile and cache of this kernel; for tests."""
    with _state.lock:
        for credential in _state.credentials():
            credential.refresh_lock.leave(credential)  # a sign-in that is going on may still get tokens of that account
        _state.close_connections()
        _state.forget()
    if _state.share is not None:
        _state.share.close()
        _state.share = None


# Profiles


def add_profile(profile: Profile) -> None:
    """Make a profile known to this kernel; it comes before one of the same name in ``nbauth.toml``.

    Args:
        profile: the profile.

    Raises:
        ConfigError: it is not a `Profile`.
    """
    from nbauth.signin.profile.profile import Profile

    if not isinstance(profile, Profile):
        raise ConfigError(f"add_profile: expected an nbauth.Profile, found {type(profile).__name__}.")
    with _state.lock:
        _state.added[profile.name] = profile
    _state.changes.notify()


def profile_names() -> list[str]:
    """Return the names of the profiles that can be used, for completion; never raises."""
    with contextlib.suppress(NbauthError, OSError):
        return sorted(config().profiles)
    return sorted(_state.added)


def config() -> Config:
    """Return the profiles that hold now; the file is read again when it changed."""
    _take_up()
    with _state.lock:
        return _state.reader.read(notebook_directory(), _state.added, default=_state.default)


def trusted_bundle(profile: Profile) -> Bundle | None:
    """Return a profile's certificate authorities; none if it still needs an approval."""
    try:
        bundle = bundle_of(profile.ca_bundle)
        _state.check_approval(profile, bundle)
    except ConfigError:
        return None
    return bundle


def check_approval(profile: Profile) -> None:
    """Refuse a profile that came with a folder and still needs a person's approval.

    Raises:
        ApprovalRequired: it does.
        ConfigError: its certificate authorities cannot be read.
    """
    _state.check_approval(profile, bundle_of(profile.ca_bundle))


# Who is signed in


def version() -> int:
    """Return a number that changes whenever another token may belong to a URL."""
    return _state.changes.version


def watch(method: Callable[[], None]) -> None:
    """Call a bound method after every change of the sign-ins, as long as its object lives; in any thread.

    In a server with several visitors it is told of the calling visitor's sign-ins, and of nobody else's.
    """
    _state.changes.watch(method)


def accounts() -> list[Account]:
    """Return who is signed in in this kernel, the present account of each profile last.

    In a server with several visitors these are the calling visitor and the applications.
    """
    _take_up()
    here = visitors.whose()
    signed_in = _state.visits.own.signed_in()
    if here is not None:
        signed_in = [s for s in signed_in if s.account.kind == "application"]
    if isinstance(here, Visitor):
        signed_in += _state.visits.of(here).signed_in()
    if not signed_in:
        return []
    from nbauth.signin.registry import present

    return [present(each) for each in signed_in]


def is_signed_in(profile: Profile) -> bool:
    """Tell whether a profile has an account, or needs none; its token may still have to be renewed."""
    if profile.kind == "application":
        return True
    here = visitors.whose()
    signed_in = [] if isinstance(here, Unnamed) else _state.visits.of(here).signed_in()
    return any(s.account.profile == profile.name for s in signed_in)


def is_in_use(profile: Profile) -> bool:
    """Tell whether somebody has signed in to a profile, or an application has used it, in this kernel."""
    if profile.kind == "application":
        return profile in _state.applications
    return is_signed_in(profile)


def ready(profiles: Iterable[Profile]) -> list[Profile]:
    """Return those of several profiles that can serve at once: they come before the default one.

    They are those that somebody is signed in to, and applications that are in use. Where there is none and nobody can
    be asked here, they are those that need nobody: applications, and sign-ins that are there already. To a visitor of a
    server with several they are the visitor's own: nobody there gets an application's rows for want of a sign-in.
    """
    given = list(profiles)
    if visitors.whose() is not None:
        return [profile for profile in given if profile.kind != "application" and is_signed_in(profile)]
    in_use = [profile for profile in given if is_in_use(profile)]
    if in_use or detect().can_ask:
        return in_use
    return [profile for profile in given if profile.kind == "application" or asks_nobody(profile.source)]


def connection_of(profile: Profile) -> Connection:
    """Return the client application of a profile; a person's is the calling visitor's own.

    Raises:
        SignInRequired: it is a person's, and a server with several visitors does not tell whose visit this is.
        ConfigError, ProviderUnavailable: as `Visit.connection`.
    """
    return _state.visits.serving(profile, visitors.whose()).connection(profile)


def credential_of(profile: Profile, scopes: tuple[str, ...]) -> Credential:
    """Return the credential that serves a profile now: the application's, or that of the present account.

    Raises:
        SignInRequired: nobody is signed in, nor at a source of the profile; or nothing tells whose visit this is.
        SignInFailed, ProviderUnavailable: a source gives what does not fit the profile, or does not answer.
    """
    here = visitors.whose()
    visit = _state.visits.serving(profile, here)
    if profile.kind == "application":
        if profile.is_personal and here is not None:
            raise visitors.for_one_user(here, profile=profile.name, scopes=scopes)
        return _state.applications.of(profile)
    with _state.lock:
        signed_in = visit.registry().find(profile) if profile.source else visit.registry().serving(profile, scopes)
    if signed_in is None:
        load("nbauth.signin.already")
        from nbauth.signin import already

        signed_in = already.serving(profile, scopes, visit, here)
        _state.activate(signed_in, visit, here)
    return signed_in.credential


def just_taken(profile: str) -> Account | None:
    """Return who was signed in already when a profile was first used and nobody was shown it yet; once.

    Args:
        profile: name of the profile.
    """
    here = visitors.whose()
    return None if isinstance(here, Unnamed) else _state.visits.of(here).untold.pop(profile, None)


def lent(holder: object, loan: Loan) -> None:
    """Note that an object of another tool gets tokens of a sign-in, as long as it lives.

    Args:
        holder: the object; anything that can be hashed and referred to weakly.
        loan: what it gets, as a person is shown it.
    """
    _state.loans.note(holder, loan)


def loans() -> list[Loan]:
    """Return what the calling visitor's sign-ins are lent to just now, the oldest first."""
    return _state.loans.of(visitors.whose())


def loan_ended(holder: object) -> None:
    """Note that an object gets no tokens any more, though it still lives."""
    _state.loans.end(holder)


# Connections to APIs


def kept_connections(visitor: Whose, origins: tuple[str, ...], profiles: Config) -> KeptConnections:
    """Return a visitor's connections to origins, which end with any change of the profiles or of the sign-ins."""
    with visitors.visiting(visitor):
        return _state.keeper.of(visitor, origins, profiles, watch=_state.changes.watch)


def trust() -> Trust:
    """Return the trust in the usual authorities, as the environment names them.

    Raises:
        ConfigError: it names one in the notebook's tree, or by a path that depends on the working directory.
    """
    return _state.keeper.trust(untrusted=notebook_directory())


# Sign-ins for other processes


def lending(tool: str, *, on_end: Callable[[tuple[str, ...]], None] | None = None) -> Lending:
    """Return what lends rows of `apis` to one group of workers; it lends nothing until `Lending.add`.

    Args:
        tool: who borrows, as a person is shown it, such as ``"processes started here"``.
        on_end: is called with the names of the profiles whose loan has just ended, in whatever thread that is.

    Raises:
        SignInRequired: a server with several visitors runs here.
    """
    from nbauth.signin.lending import Lending

    return Lending(sys.modules[__name__], tool=tool, on_end=on_end)


def borrow(profiles: Iterable[BorrowedProfile], lender: Lender) -> Borrowed:
    """Take up what another kernel lends, in a process that has no sign-in of its own.

    From then on everything works here as in that kernel: `nbauth.read`, `nbauth.session`, ``nbauth+https://`` and all
    adapters find the profiles by `config` and the credential by `credential_of`. A second call with the same profiles
    takes the place of the first.

    Args:
        profiles: what `Lending.profiles` says there; their `to_json` and `from_json` carry them.
        lender: asks that kernel for tokens.

    Returns:
        What is borrowed; `Borrowed.end` forgets all of its tokens at once.

    Raises:
        ConfigError: the certificate authorities of a profile are not where it says on this machine.
    """
    from nbauth.signin.borrowing import Borrowed

    return Borrowed(_state, profiles, lender)


def share(profile: str | None = None) -> Sharing:
    """Lend rows of `apis` to the processes that this one starts from now on, at however many removes.

    Args:
        profile: name of the profile; None lends all that are in use.

    Returns:
        The one that lends, with what was lent before.

    Raises:
        ConfigError: there is no such profile, or it does not work on this system.
        SignInRequired: nobody is signed in, or a server with several visitors runs here.
    """
    load("nbauth.signin.local_share")
    from nbauth.signin.local_share import LocalShare

    with _state.lock:
        if _state.share is None or not _state.share.is_of_this_process:
            _state.share = LocalShare(sys.modules[__name__])
        lends = _state.share
    lends.add(profile)
    return lends


def _take_up() -> None:
    """Borrow what the kernel shares that started this process, if there is one."""
    path = os.environ.get(SHARED_AT)
    if path is None or (_state.share is not None and _state.share.path == path):  # its own, or its parent's at a fork
        return
    if _state.borrower is None or _state.borrower.path != path:
        load("nbauth.signin.local_share")
        from nbauth.signin.local_share import Borrower

        with _state.lock:
            if _state.borrower is None or _state.borrower.path != path:
                _state.borrower = Borrower(_state, path)
    _state.borrower.take_up()


# Sign-in and sign-out


@clears_frames
def login(
    request: LoginRequest, *, make_prompt: Callable[[], Prompt], environment: Environment
) -> tuple[Account, str | None]:
    """Sign in; a person who is signed in already is not asked again. Errors are those of `nbauth.login`.

    Args:
        request: what is asked for.
        make_prompt: makes the prompt that asks the person, once it is known that somebody has to be asked.
        environment: where the kernel runs, and whether that prompt reaches somebody.

    Returns:
        Who is signed in; and why the sign-in is not remembered, where it should be and cannot.
    """
    load("nbauth.signin.flows", "nbauth.signin.login", "nbauth.signin.remembered.service")
    load("nbauth.signin.already", "nbauth.signin.kernel_login")
    from nbauth.signin import kernel_login

    return kernel_login.login(_state, config, request, make_prompt=make_prompt, environment=environment)


@clears_frames
def logout(profile: str | None = None, *, show_address: Callable[[str, str], None] | None = None) -> tuple[str, ...]:
    """Sign out, and return the user names that were signed in. Errors are those of `nbauth.logout`.

    Args:
        profile: name of the profile; None signs out of every one.
        show_address: shows a text and the address that ends the session at the provider; None lets the session be.
    """
    load("nbauth.signin.logout")
    from nbauth.signin import logout as signing_out

    return signing_out.logout(_state, config, profile, show_address=show_address)


share_with_forks(_state)
