"""The one place with state: what this kernel is signed in to, and the functions that act on it."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import threading
import webbrowser
from typing import TYPE_CHECKING, Protocol

from nbauth.errors import ConfigError, NbauthError, SignInFailed, SignInRequired
from nbauth.signin import config as configuration
from nbauth.signin.environment import detect, notebook_directory
from nbauth.signin.profile_choice import by_name

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from pathlib import Path

    import msal

    from nbauth.data.progress import Progress
    from nbauth.signin.account import Account
    from nbauth.signin.config import Config
    from nbauth.signin.credential import Credential
    from nbauth.signin.flows.prompt import Prompt
    from nbauth.signin.http_cache_file import HttpCacheFile
    from nbauth.signin.login import Client, SignedIn
    from nbauth.signin.profiles import Profile

__all__ = [
    "FrontEnd",
    "accounts",
    "add_profile",
    "client",
    "config",
    "credential_of",
    "front_end",
    "is_signed_in",
    "login",
    "login_async",
    "logout",
    "note_claims",
    "profile_names",
    "reset",
    "use_front_end",
    "version",
]


class FrontEnd(Protocol):
    """What a person sees; `nbauth.notebook` implements it and `nbauth` puts it in place."""

    def prompt(self) -> Prompt:
        """Return a fresh prompt for one sign-in."""

    def progress(self, title: str) -> Progress:
        """Return a fresh display for one load."""

    def show_address(self, text: str, url: str) -> None:
        """Ask the person to open an address."""


class _State:
    """What this kernel holds. Everything is behind `lock`; nothing of it is on disk."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.front_end: FrontEnd | None = None
        self.forget()

    def forget(self) -> None:
        self.added: dict[str, Profile] = {}
        self.loaded: tuple[object, Config] | None = None
        self.clients: dict[Profile, Client] = {}
        self.token_caches: dict[str, msal.TokenCache] = {}
        self.cache_files: dict[Path, HttpCacheFile] = {}
        # By profile name, then by home account id; the last one of a profile is the present one.
        self.signed_in: dict[str, dict[str, SignedIn]] = {}
        self.applications: dict[Profile, Credential] = {}
        # Claims that an API asked for and only a person can meet, by profile name.
        self.asked_claims: dict[str, str] = {}
        self.version = 0  # counts what may change which token a URL gets


_state = _State()


def _after_fork() -> None:
    # The child keeps the sign-in and gets locks of its own: its parent's may be held for ever.
    _state.lock = threading.RLock()
    for credential in [
        *_state.applications.values(),
        *(signed_in.credential for group in _state.signed_in.values() for signed_in in group.values()),
    ]:
        credential.start_over()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def use_front_end(front_end: FrontEnd | None) -> None:
    """Set what draws prompts and progress in this kernel; None draws nothing and asks nobody."""
    _state.front_end = front_end


def version() -> int:
    """Return a number that changes whenever another token may belong to a URL."""
    return _state.version


def is_signed_in(profile: Profile) -> bool:
    """Tell whether a profile has an account, or needs none; its token may still have to be renewed."""
    return profile.kind == "application" or bool(_state.signed_in.get(profile.name))


def front_end() -> FrontEnd | None:
    """Return what draws prompts and progress in this kernel, if anything is in place."""
    return _state.front_end


def reset() -> None:
    """Forget every sign-in, added profile and cache of this kernel; for tests."""
    with _state.lock:
        _state.forget()


# Profiles


def add_profile(profile: Profile) -> None:
    """Make a profile known to this kernel; it comes before one of the same name in ``nbauth.toml``.

    Args:
        profile: the profile.

    Raises:
        ConfigError: it is not a `Profile`.
    """
    from nbauth.signin.profiles import Profile

    if not isinstance(profile, Profile):
        raise ConfigError(f"add_profile: expected an nbauth.Profile, found {type(profile).__name__}.")
    with _state.lock:
        _state.added[profile.name] = profile
        _state.version += 1


def profile_names() -> list[str]:
    """Return the names of the profiles that can be used, for completion; never raises."""
    with contextlib.suppress(NbauthError, OSError):
        return sorted(config().profiles)
    return sorted(_state.added)


def config() -> Config:
    """Return the profiles that hold now; the file is read again when it changed."""
    path = configuration.find(notebook_directory())
    with _state.lock:
        if path is None:
            present = configuration.from_environment()
        else:
            status = path.stat()
            key = (path, status.st_mtime_ns, status.st_size)
            if _state.loaded is None or _state.loaded[0] != key:
                _state.loaded = (key, configuration.load(path))
            present = _state.loaded[1]
        if not _state.added:
            return present
        return dataclasses.replace(present, profiles={**present.profiles, **_state.added})


# Sign-in


def login(
    profile: str = "default",
    *,
    flow: str = "auto",
    scopes: Iterable[str] | None = None,
    account: str | None = None,
    tenant: str | None = None,
    remember: bool = False,
    timeout_s: float = 300.0,
    prompt: Prompt | None = None,
) -> Account:
    """Sign in; a person who is signed in already is not asked again.

    Args:
        profile: name of the profile, or ``"default"``.
        flow: ``"auto"``, ``"loopback"``, ``"device_code"`` or ``"paste"``.
        scopes: what to ask for; by default the scopes of the profile's first API.
        account: the sign-in name that is wanted.
        tenant: another tenant than the profile's, as a GUID or a domain.
        remember: keep the sign-in for later kernels.
        timeout_s: seconds that the person has.
        prompt: who asks the person; by default what fits the front end.

    Returns:
        Who is signed in.

    Raises:
        ConfigError: the profile or an argument is wrong.
        SignInRequired: nobody can be asked here.
        SignInCancelled: the person ended it.
        SignInTimeout: nobody finished it in time.
        SignInRefused: consent was refused.
        SignInFailed: the provider answered with an error, or its ID token is not valid.
        ProviderUnavailable: the provider cannot be reached or is not trusted.
    """
    from nbauth.signin import flows
    from nbauth.signin.flows.prompt import NobodyPrompt
    from nbauth.signin.login import sign_in

    if timeout_s <= 0:
        raise ConfigError(f"timeout_s: expected more than 0 seconds, found {timeout_s}.")
    chosen = by_name(config(), profile)
    if tenant is not None:
        chosen = chosen.with_tenant(tenant)
    if remember:
        raise ConfigError(
            "Sign-ins cannot be remembered in this version: tokens live as long as the kernel.",
            next_step=f"Run: %login {chosen.name}",
        )
    wanted = (scopes,) if isinstance(scopes, str) else tuple(scopes or chosen.login_scopes)
    environment = detect()
    claims = _state.asked_claims.get(chosen.name)
    if chosen.kind == "person" and claims is None and (known := _known(chosen, account, wanted)) is not None:
        return known
    flows.check(flow, chosen, environment)
    if chosen.kind == "application":
        if not wanted:
            raise ConfigError(
                f"Profile {chosen.name!r}: nothing says what to ask for.",
                next_step="Give apis in nbauth.toml, or set NBAUTH_APIS.",
            )
        with _state.lock:
            # Made anew: the secret may have been mended, and MSAL replays an answer of 400 for a minute.
            _state.clients.pop(chosen, None)
            _state.applications.pop(chosen, None)
    made = sign_in(
        _client(chosen),
        flow=flow,
        environment=environment,
        prompt=prompt or (_front_end().prompt() if chosen.kind == "person" else NobodyPrompt()),
        scopes=wanted,
        account=account,
        timeout_s=timeout_s,
        claims=claims,
    )
    with _state.lock:
        _state.asked_claims.pop(chosen.name, None)
        group = _state.signed_in.setdefault(chosen.name, {})
        group.pop(made.account.home_account_id, None)
        group[made.account.home_account_id] = made
        if chosen.kind == "application":
            _state.applications[chosen] = made.credential
        _state.version += 1
    return made.account


def _known(profile: Profile, account: str | None, scopes: tuple[str, ...]) -> Account | None:
    """Return the account that is signed in already and fits, if its token can be had silently."""
    for signed_in in reversed(list(_state.signed_in.get(profile.name, {}).values())):
        fits = account is None or signed_in.account.username.lower() == account.lower()
        if fits and _same_client(signed_in.credential.profile, profile):
            try:
                signed_in.credential.token(scopes)
            except (SignInRequired, SignInFailed):
                continue  # whatever ended it, the person may try another way to sign in
            with _state.lock:
                group = _state.signed_in[profile.name]
                group[signed_in.account.home_account_id] = group.pop(signed_in.account.home_account_id)
                _state.version += 1
            return _present(signed_in)
    return None


def _same_client(one: Profile, other: Profile) -> bool:
    # Scopes and origins may be edited while the kernel runs; another application or tenant is another sign-in.
    mine, others = one.resolved_authority, other.resolved_authority
    return (one.client_id, mine.cache_key) == (other.client_id, others.cache_key)


def _present(signed_in: SignedIn) -> Account:
    expires_at: datetime | None = signed_in.credential.expires_at()
    return dataclasses.replace(signed_in.account, expires_at=expires_at or signed_in.account.expires_at)


async def login_async(
    profile: str = "default",
    *,
    flow: str = "auto",
    scopes: Iterable[str] | None = None,
    account: str | None = None,
    tenant: str | None = None,
    remember: bool = False,
    timeout_s: float = 300.0,
) -> Account:
    """Sign in as `login` does, without blocking the event loop; a cancelled task cancels the sign-in."""
    from nbauth.signin.flows.prompt import CancellablePrompt

    prompt = CancellablePrompt(_front_end().prompt())
    try:
        return await asyncio.to_thread(
            login,
            profile,
            flow=flow,
            scopes=scopes,
            account=account,
            tenant=tenant,
            remember=remember,
            timeout_s=timeout_s,
            prompt=prompt,
        )
    except asyncio.CancelledError:
        prompt.cancel()
        raise


def logout(profile: str | None = None, *, everywhere: bool = False) -> tuple[str, ...]:
    """Sign out: forget the tokens of this kernel.

    Args:
        profile: name of the profile; None signs out of every one.
        everywhere: end the session at the provider, too, in the person's browser
            (OpenID Connect RP-Initiated Logout §2).

    Returns:
        The user names that were signed in.

    Raises:
        ConfigError: there is no such profile.
    """
    name = None if profile is None else by_name(config(), profile).name
    with _state.lock:
        names = [name] if name is not None else [*_state.signed_in, *(p.name for p in _state.applications)]
        gone = [s for n in names for s in _state.signed_in.pop(n, {}).values()]
        applications = [p for p in _state.applications if p.name in names]
        credentials = [*(s.credential for s in gone), *(_state.applications.pop(p) for p in applications)]
        ended = [c for p, c in _state.clients.items() if p.name in names and p.kind == "person"]
        _state.version += 1
    for credential in credentials:
        credential.sign_out()
    if everywhere:
        for client_ in ended:
            _end_session(client_, [s.account.username for s in gone if s.account.profile == client_.profile.name])
    return tuple(s.account.username for s in gone)


def _end_session(client_: Client, usernames: list[str]) -> None:
    from nbauth.signin.logout import end_session_address

    url = end_session_address(client_, usernames)
    if detect().is_local:
        with contextlib.suppress(webbrowser.Error, OSError):
            webbrowser.open(url)
    _front_end().show_address(f"To end the session at {client_.profile.authority_host}, open", url)


def accounts() -> list[Account]:
    """Return who is signed in in this kernel, the present account of each profile last."""
    with _state.lock:
        return [_present(s) for group in _state.signed_in.values() for s in group.values()]


def client(profile: str = "default") -> msal.ClientApplication:
    """Return MSAL's client application of a profile, on this kernel's caches, for what nbauth does not cover.

    Args:
        profile: name of the profile, or ``"default"``.

    Raises:
        ConfigError: the profile is wrong.
        ProviderUnavailable: the provider cannot be reached; MSAL asks it when the application is made.
    """
    return _client(by_name(config(), profile)).application


def _client(profile: Profile) -> Client:
    from nbauth.signin.login import connect
    from nbauth.signin.token_cache import new_cache

    with _state.lock:
        made = _state.clients.get(profile)
        if made is None:
            directory = notebook_directory()
            made = connect(
                profile,
                token_cache=_state.token_caches.setdefault(profile.resolved_authority.cache_key, new_cache()),
                cache_file=_cache_file(directory),
                notebook_directory=directory,
            )
            _state.clients[profile] = made
        return made


def _cache_file(directory: Path) -> HttpCacheFile:
    import platformdirs

    from nbauth.signin.http_cache_file import HttpCacheFile

    if directory not in _state.cache_files:
        state_directory = platformdirs.user_state_path("nbauth", appauthor=False)
        _state.cache_files[directory] = HttpCacheFile(directory, state_directory)
    return _state.cache_files[directory]


def _front_end() -> FrontEnd:
    if _state.front_end is None:
        raise ConfigError("No front end is in place.", next_step="Import nbauth, or give prompt=.")
    return _state.front_end


def note_claims(profile: str, claims: str) -> None:
    """Keep the claims that an API asked for; the next `login` to the profile asks the provider for them."""
    with _state.lock:
        _state.asked_claims[profile] = claims


def credential_of(profile: Profile, scopes: tuple[str, ...]) -> Credential:
    """Return the credential that serves a profile now: an application's own, or of who is signed in."""
    with _state.lock:
        if profile.kind == "application":
            return _application(profile)
        for signed_in in reversed(list(_state.signed_in.get(profile.name, {}).values())):
            # A sign-in to another tenant of the same application (`login(tenant=…)`) serves the profile's APIs, too.
            mine = signed_in.credential.profile
            if (mine.client_id, mine.resolved_authority.instance_key) == (
                profile.client_id,
                profile.resolved_authority.instance_key,
            ):
                return signed_in.credential
    raise SignInRequired(
        f"Nobody is signed in to profile {profile.name!r}.",
        profile=profile.name,
        scopes=scopes,
        next_step=f"Run: %login {profile.name}",
    )


def _application(profile: Profile) -> Credential:
    from nbauth.signin.credential import Credential

    credential = _state.applications.get(profile)
    if credential is None:
        credential = _state.applications[profile] = Credential(profile, _client(profile).application, None)
    return credential
