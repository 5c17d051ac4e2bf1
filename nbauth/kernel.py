"""The one place with state: what this kernel is signed in to, and the functions that act on it.

In a server with several visitors a person's sign-in belongs to one of them (`nbauth.process.visitors`). Profiles that
were added, applications and the configuration are for all.
"""

from __future__ import annotations

import atexit
import contextlib
import dataclasses
import functools
import threading
import time
import warnings
from typing import TYPE_CHECKING

from nbauth.environment import detect, notebook_directory
from nbauth.errors import ConfigError, NbauthError, NotRememberedWarning
from nbauth.net.bundles import bundle_of
from nbauth.net.secrecy import clears_frames
from nbauth.process import visitors
from nbauth.process.shielded import load
from nbauth.process.visitors import Unnamed, Visitor
from nbauth.signin.changes import ChangeNotifier
from nbauth.signin.forks import share_with_forks
from nbauth.signin.profile.approvals import Approvals
from nbauth.signin.profile.config import Reader
from nbauth.signin.profile.resolve import by_name, check_scopes, to_forget
from nbauth.signin.visits import Visits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import msal

    from nbauth.environment import Environment
    from nbauth.front_end import FrontEnd
    from nbauth.net.bundles import Bundle
    from nbauth.signin.flows import FlowName
    from nbauth.signin.flows.prompt import Prompt
    from nbauth.signin.profile.account import Account
    from nbauth.signin.profile.approvals import Request
    from nbauth.signin.profile.config import Config
    from nbauth.signin.profile.profile import Profile
    from nbauth.signin.registry import SignIns
    from nbauth.signin.tokens.connection import Connections
    from nbauth.signin.tokens.credential import Credential, SignedIn
    from nbauth.signin.tokens.fork_channel import TokenServer
    from nbauth.signin.visits import Visit

__all__ = [
    "accounts",
    "add_profile",
    "client",
    "config",
    "credential_of",
    "front_end",
    "is_in_use",
    "is_signed_in",
    "login",
    "login_async",
    "logout",
    "profile_names",
    "reset",
    "trusted_bundle",
    "use_front_end",
    "version",
    "watch",
]


class _State:
    """What this kernel holds. Everything is behind `lock`; nothing of it is on disk."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.front_end: FrontEnd | None = None
        self.token_server: TokenServer | None = None
        self.inherited: list[object] = []
        self.forget()

    def forget(self) -> None:
        self.added: dict[str, Profile] = {}
        self.approvals = Approvals()
        self.reader = Reader()
        self.visits = Visits(lambda: self.lock, check=self.check_approval)
        self.applications: dict[Profile, Credential] = {}
        self.changes = ChangeNotifier()

    def check_approval(self, profile: Profile, bundle: Bundle | None) -> None:
        """Raise `ApprovalRequired` for a profile of a folder's that needs an approval and has none."""
        if profile.name not in self.added:  # those are made in code
            self.approvals.check(profile, bundle)

    def credentials(self) -> list[Credential]:
        return [*self.applications.values(), *(s.credential for visit in self.visits for s in visit.signed_in())]

    @property
    def sign_ins(self) -> SignIns | None:
        """The sign-ins of the one person whose process it is, and of applications."""
        return self.visits.own.sign_ins

    @property
    def connections(self) -> Connections | None:
        """The client applications of the same."""
        return self.visits.own.connections


_state = _State()


@atexit.register
def _drain_renewals() -> None:
    # A renewal that ends with the process may lose a refresh token that others, or a later kernel, still need.
    deadline = time.monotonic() + 5.0
    for credential in _state.credentials():
        credential.settle(deadline)


def use_front_end(front_end: FrontEnd | None) -> None:
    """Set what draws prompts and progress in this kernel; None draws nothing and asks nobody."""
    _state.front_end = front_end


def version() -> int:
    """Return a number that changes whenever another token may belong to a URL."""
    return _state.changes.version


def watch(method: Callable[[], None]) -> None:
    """Call a bound method after every change of who is signed in, as long as its object lives; in any thread.

    In a server with several visitors it is told of the calling visitor's sign-ins, and of nobody else's.
    """
    _state.changes.watch(method)


def is_signed_in(profile: Profile) -> bool:
    """Tell whether a profile has an account, or needs none; its token may still have to be renewed."""
    if profile.kind == "application":
        return True
    here = visitors.whose()
    signed_in = [] if isinstance(here, Unnamed) else _visit(here).signed_in()
    return any(s.account.profile == profile.name for s in signed_in)


def is_in_use(profile: Profile) -> bool:
    """Tell whether somebody has signed in to a profile, or an application has used it, in this kernel."""
    if profile.kind == "application":
        return profile in _state.applications
    return is_signed_in(profile)


def front_end() -> FrontEnd | None:
    """Return what draws prompts and progress in this kernel, if anything is in place."""
    return _state.front_end


def reset() -> None:
    """Forget every sign-in, added profile and cache of this kernel; for tests."""
    with _state.lock:
        for credential in _state.credentials():
            credential.refresh_lock.leave(credential)  # a sign-in that is going on may still get tokens of that account
        _state.forget()


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
    with _state.lock:
        return _state.reader.read(notebook_directory(), _state.added)


# Sign-in


@clears_frames
def login(
    profile: str = "default",
    *,
    flow: FlowName = "auto",
    scopes: Iterable[str] | None = None,
    account: str | None = None,
    tenant: str | None = None,
    remember: bool = False,
    timeout_s: float = 300.0,
    prompt: Prompt | None = None,
    select_account: bool = False,
) -> Account:
    """Sign in; a person who is signed in already is not asked again.

    Args:
        profile: name of the profile, or ``"default"``.
        flow: ``"auto"``, ``"loopback"``, ``"device_code"`` or ``"paste"``.
        scopes: what to ask for; by default the scopes of the profile's first API.
        account: the sign-in name that is wanted.
        tenant: another tenant than the profile's, as a GUID or a domain.
        remember: keep the sign-in for later kernels, encrypted by the platform; where that cannot be, it is said (in
            a script by a `NotRememberedWarning`) and the sign-in lives as long as the kernel. A server's visitors
            are not remembered.
        timeout_s: seconds that the person has.
        prompt: who asks the person; by default what fits the front end.
        select_account: ask even if somebody is signed in, and let the person choose another account.

    Returns:
        Who is signed in.

    Raises:
        ConfigError: the profile or an argument is wrong.
        ApprovalRequired: the configuration came with a folder and was not approved.
        SignInRequired: nobody can be asked here, or a server with several visitors does not tell whose visit this is.
        SignInCancelled: the person ended it.
        SignInTimeout: nobody finished it in time.
        SignInRefused: consent was refused.
        SignInFailed: the provider answered with an error, or its ID token is not valid.
        ProviderUnavailable: the provider cannot be reached or is not trusted.
    """
    load("nbauth.signin.flows", "nbauth.signin.login", "nbauth.signin.remembered.service")
    from nbauth.signin import flows
    from nbauth.signin.flows.prompt import NullPrompt
    from nbauth.signin.login import sign_in
    from nbauth.signin.remembered import service

    if timeout_s <= 0:
        raise ConfigError(f"timeout_s: expected more than 0 seconds, found {timeout_s}.")
    chosen = by_name(config(), profile)
    if tenant is not None:
        chosen = chosen.with_tenant(tenant)
    here = visitors.whose()
    environment = _environment(here, prompt)
    visit, keeps = _for(chosen, here), _keeps_sign_ins(here)
    if remember:
        service.check(chosen, served_by=None if keeps else _server(here))
    wanted = (scopes,) if isinstance(scopes, str) else tuple(scopes or chosen.login_scopes)
    _ask_approval(chosen, here, environment, prompt, timeout_s)
    claims = None
    if chosen.kind == "person" and not select_account:
        known, claims = visit.registry().known(chosen, account, wanted, connect=visit.client)
        if known is None and claims is None and keeps:
            present = visit.registry().fitting(chosen, account, any_tenant=True)
            known = service.take(chosen, account, wanted, here=present, connect=visit.client)
        if known is not None:
            return _activate(known, visit, here, remember_for=chosen if remember else None)
    flows.check(flow, chosen, environment)
    if chosen.kind == "application":
        check_scopes(chosen, wanted)
        with _state.lock:
            # Made anew: the secret may have been mended, and MSAL replays an answer of 400 for a minute.
            if visit.connections is not None:
                visit.connections.drop(chosen)
            _state.applications.pop(chosen, None)
    made = sign_in(
        visit.client(chosen),
        flow=flow,
        environment=environment,
        prompt=prompt or (_front_end().prompt() if chosen.kind == "person" else NullPrompt()),
        scopes=wanted,
        account=account,
        timeout_s=timeout_s,
        claims=claims,
        select_account=select_account,
    )
    if chosen.kind == "application":
        _state.applications[chosen] = made.credential
    # Once remembered, an account is until its sign-out.
    stays = remember or (keeps and service.is_remembered(chosen, made.account))
    return _activate(made, visit, here, remember_for=chosen if stays else None)


def _activate(
    signed_in: SignedIn, visit: Visit, here: visitors.Whose, *, remember_for: Profile | None = None
) -> Account:
    from nbauth.signin.registry import present
    from nbauth.signin.remembered.service import remember

    profile = signed_in.credential.profile
    if profile.kind == "application" or profile.is_confidential:
        signed_in.credential.connect_by(lambda: visit.client(profile).application)
    if signed_in.account.kind == "application":
        _state.visits.own.registry().choose(signed_in)
        _state.changes.notify()
    elif not isinstance(here, Unnamed):
        _visit(here).registry().choose(signed_in)
        _state.changes.notify(here)
    why_not = None if remember_for is None else remember(remember_for, signed_in, connect=visit.client)
    if why_not is not None and _state.front_end is not None and detect().front_end != "script":
        _state.front_end.note(why_not)
    elif why_not is not None:
        warnings.warn(why_not, NotRememberedWarning, stacklevel=4)  # of who called `login`: its door is in between
    return present(signed_in)


def _ask_approval(
    profile: Profile, here: visitors.Whose, environment: Environment, prompt: Prompt | None, timeout_s: float
) -> None:
    from nbauth.signin.flows import approval

    def ask(request: Request) -> bool:
        asked = prompt or _front_end().prompt()
        if not hasattr(asked, "ask_approval"):  # a caller's own, from before there were approvals
            raise request.required(profile.name)
        return approval.ask(asked, request, profile=profile.name, timeout_s=timeout_s)

    # What is approved is the server's user's to approve, and no visitor's.
    can_ask = here is None and environment.interactive and (prompt is not None or _state.front_end is not None)
    if profile.name not in _state.added and _state.approvals.check(
        profile, bundle_of(profile.ca_bundle), ask=ask if can_ask else None
    ):
        _state.changes.notify()


def trusted_bundle(profile: Profile) -> Bundle | None:
    """Return a profile's certificate authorities; none where it needs an approval and has it not."""
    try:
        bundle = bundle_of(profile.ca_bundle)
        _state.check_approval(profile, bundle)
    except ConfigError:
        return None
    return bundle


def _visit(visitor: Visitor | None) -> Visit:
    with _state.lock:
        return _state.visits.of(visitor)


def _environment(here: visitors.Whose, prompt: Prompt | None) -> Environment:
    from nbauth.signin.flows.prompt import CancellablePrompt

    found = detect() if prompt is None else detect().with_somebody()
    if isinstance(here, Visitor) and (prompt is None or isinstance(prompt, CancellablePrompt)):
        # What is printed or opened here reaches whoever sits at the server.
        why_not = f"a visitor of {here.server} is asked by nbauth.SignInPanel() alone, not at the server"
        return dataclasses.replace(found, interactive=False, why_not=why_not if found.can_ask else found.why_not)
    return found


def _for(profile: Profile, here: visitors.Whose) -> Visit:
    """Return whose connections and sign-ins serve a profile here.

    Raises:
        SignInRequired: it is a person's, and nothing tells whose visit this is.
    """
    if profile.kind == "application":
        return _state.visits.own
    if isinstance(here, Unnamed):
        raise visitors.not_named(here, profile=profile.name, scopes=profile.login_scopes)
    return _visit(here)


def _keeps_sign_ins(here: visitors.Whose) -> bool:
    # What is remembered is the server's user's: no visitor gets it, adds to it or ends it. Voila has a kernel for each.
    return here is None and detect().front_end != "voila"


def _server(here: visitors.Whose) -> str:
    return "Voila" if here is None else here.server


async def login_async(
    profile: str = "default",
    *,
    flow: FlowName = "auto",
    scopes: Iterable[str] | None = None,
    account: str | None = None,
    tenant: str | None = None,
    remember: bool = False,
    timeout_s: float = 300.0,
) -> Account:
    """Sign in as `login` does, without blocking the event loop; a cancelled task cancels the sign-in."""
    from nbauth.signin.flows.prompt import CancellablePrompt, in_a_thread

    prompt = CancellablePrompt(_front_end().prompt())
    return await in_a_thread(
        functools.partial(
            login,
            profile,
            flow=flow,
            scopes=scopes,
            account=account,
            tenant=tenant,
            remember=remember,
            timeout_s=timeout_s,
            prompt=prompt,
        ),
        prompt,
    )


@clears_frames
def logout(profile: str | None = None, *, everywhere: bool = False) -> tuple[str, ...]:
    """Sign out: forget the tokens of this kernel, and what is remembered of them.

    In a server with several visitors it ends the calling visitor's sign-ins, and nothing else.

    Args:
        profile: name of the profile; None signs out of every one, also of what later kernels alone would take up.
        everywhere: end the session at the provider, too, in the person's browser
            (OpenID Connect RP-Initiated Logout §2).

    Returns:
        The user names that were signed in.

    Raises:
        ConfigError: there is no such profile, or what is remembered cannot be deleted.
    """
    load("nbauth.signin.remembered.service", "nbauth.signin.end_session")
    from nbauth.signin.remembered import service

    named, unknown = to_forget(config, profile)
    names = None if profile is None else [named[0].name]
    here = visitors.whose()
    if isinstance(here, Unnamed):
        return ()
    visit, keeps = _visit(here), _keeps_sign_ins(here)
    with _state.lock:
        gone = visit.sign_ins.take(names) if visit.sign_ins else []
        credentials = [s.credential for s in gone if here is None or s.credential.profile.kind == "person"]
        if here is None:
            applications = [p for p in _state.applications if names is None or p.name in names]
            credentials += [_state.applications.pop(p) for p in applications]
        ended = visit.connections.of_people() if visit.connections else []
    try:
        if keeps:
            service.forget([*named, *(s.credential.profile for s in gone)])
    finally:
        service.leave(gone)
        for credential in credentials:
            credential.sign_out()
    _state.changes.notify(here)
    if everywhere:
        from nbauth.signin.end_session import end_session

        for client_ in [c for c in ended if names is None or c.profile.name in names]:
            usernames = [s.account.username for s in gone if s.account.profile == client_.profile.name]
            end_session(client_, usernames, show=_front_end().show_address)
    if unknown is not None and keeps:
        raise unknown
    return tuple(s.account.username for s in gone)


def accounts() -> list[Account]:
    """Return who is signed in in this kernel, the present account of each profile last.

    In a server with several visitors these are the calling visitor and the applications.
    """
    here = visitors.whose()
    with _state.lock:
        signed_in = _state.visits.own.signed_in()
        if here is not None:
            signed_in = [s for s in signed_in if s.account.kind == "application"]
        if isinstance(here, Visitor):
            signed_in += _state.visits.of(here).signed_in()
    if not signed_in:
        return []
    from nbauth.signin.registry import present

    return [present(each) for each in signed_in]


def client(profile: str = "default") -> msal.ClientApplication:
    """Return MSAL's client application of a profile, on this kernel's caches, for what nbauth does not cover.

    In a server with several visitors a person's is the calling visitor's own.

    Args:
        profile: name of the profile, or ``"default"``.

    Raises:
        ConfigError: the profile is wrong.
        SignInRequired: it is a person's, and a server with several visitors does not tell whose visit this is.
        ProviderUnavailable: the provider cannot be reached; MSAL asks it when the application is made.
    """
    chosen = by_name(config(), profile)
    return _for(chosen, visitors.whose()).client(chosen).application


def _front_end() -> FrontEnd:
    if _state.front_end is None:
        raise ConfigError("No front end is in place.", next_step="Import nbauth, or give prompt=.")
    return _state.front_end


def credential_of(profile: Profile, scopes: tuple[str, ...]) -> Credential:
    """Return the credential that serves a profile now: an application's own, or of who is signed in."""
    here = visitors.whose()
    visit = _for(profile, here)
    if profile.kind == "application":
        if profile.is_personal and here is not None:
            raise visitors.for_one_user(here, profile=profile.name, scopes=scopes)
        return _application(profile)
    with _state.lock:
        return visit.registry().serving(profile, scopes).credential


def _application(profile: Profile) -> Credential:
    load("nbauth.signin.login")
    from nbauth.signin.login import own_credential

    made = _state.applications.get(profile)
    if made is None:
        own = _state.visits.own
        made = own_credential(own.client(profile))
        made.connect_by(lambda: own.client(profile).application)
        with _state.lock:
            made = _state.applications.setdefault(profile, made)
    return made


share_with_forks(_state, connect=lambda profile: _state.visits.own.client(profile).application)
