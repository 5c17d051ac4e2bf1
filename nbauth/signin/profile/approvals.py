"""Approvals: which configurations a person has approved of, kept in their own state directory.

An approval is bound to the configuration's path and content and to the content of its certificate authorities, and
holds for the reasons that the person was shown. Whatever changes of these asks again, as `direnv allow` does. One that
lies in the notebook's tree counts for nothing: it may have come with a clone.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbauth.errors import ApprovalRequired, ConfigError
from nbauth.files.directories import Directory
from nbauth.files.private_files import NotPrivate
from nbauth.files.tree import WHERE, is_in_tree
from nbauth.files.user_directories import state_directory
from nbauth.next_step import Login, NextStep, Shell, Words
from nbauth.signin.profile import trust
from nbauth.signin.profile.config import from_environment, load

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbauth.net.bundles import Bundle
    from nbauth.signin.profile.config import Config
    from nbauth.signin.profile.profile import Profile

__all__ = ["Approvals", "Request", "directory", "is_approved", "keep", "request_for", "revoke"]

_VERSION = 1
_LARGEST = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a person is asked to approve of.

    Attributes:
        source: path of the configuration, or a description of the environment variables.
        is_file: whether it is a file.
        digest: of all that the approval is bound to.
        reasons: why it is needed, in plain words; empty where it is not.
    """

    source: str
    is_file: bool
    digest: str
    reasons: tuple[str, ...]

    @property
    def command(self) -> str:
        """What approves of it in a shell."""
        return Shell(("nbauth", "trust", *([self.source] if self.is_file else []))).typed("command_line")

    def required(self, profile: str, problem: str = "needs your approval") -> ApprovalRequired:
        """Return the error for a profile that is used without it."""
        came = "may have come with this folder" if self.is_file else "may come from this folder"
        return ApprovalRequired(
            f"{self.source}: {problem} and nothing was sent. It {came}, and {'; '.join(self.reasons)}.",
            source=self.source,
            reasons=self.reasons,
            profile=profile,
            next_step=self._next_step(Login(profile)),
        )

    def _next_step(self, login: Login) -> NextStep:
        asks = "asks here; or, in a shell, run: "
        here = Words(
            magic=f"{login.typed('magic')} {asks}", python=f"{login.typed('python')} {asks}", command_line="run: "
        )
        return NextStep(("If you trust it, ", here, self.command))


def request_for(config: Config) -> Request:
    """Return what a configuration asks for, with all its profiles: one approval is for all of them."""
    reasons = tuple(
        f"profile {name!r} {reason}" for name, profile in config.profiles.items() for reason in trust.reasons(profile)
    )
    bundles = {name: p.ca_bundle and trust.digest_of_file(p.ca_bundle) for name, p in config.profiles.items()}
    digest = _digest([config.digest or reasons, bundles])
    return Request(source=config.source, is_file=config.digest is not None, digest=digest, reasons=reasons)


def directory() -> Path:
    """Return where approvals lie: the user's state directory."""
    return state_directory() / "approved"


def is_approved(request: Request) -> bool:
    """Tell whether a person approved of this, as it is now."""
    if is_in_tree(directory()):
        return False
    match _read(request):
        case {"version": 1, "source": source, "digest": request.digest, "reasons": [*reasons]}:
            return source == _place(request) and set(request.reasons) <= {r for r in reasons if isinstance(r, str)}
    return False


def keep(request: Request) -> None:
    """Keep the approval of a person.

    Raises:
        ConfigError: it cannot be kept here.
    """
    folder = directory()
    if is_in_tree(folder):
        raise ConfigError(
            f"An approval cannot be kept in {folder}, which lies in {WHERE}.",
            next_step=_without_keeping(request),
        )
    document = {"version": _VERSION, "source": _place(request), "digest": request.digest, "reasons": request.reasons}
    try:
        with Directory(folder, make=True) as opened, opened.new_file(_name(request)) as file:
            file.write(json.dumps(document, indent=1).encode())
    except (OSError, NotPrivate) as error:
        why_not = getattr(error, "strerror", None) or error
        raise ConfigError(
            f"An approval cannot be kept in {folder}: {why_not}.", next_step="Mend or delete it."
        ) from None


def _without_keeping(request: Request) -> str:
    elsewhere = "Start in another folder than your home directory, and leave XDG_STATE_HOME out"
    if not request.is_file:
        return f"{elsewhere}."
    return f"{elsewhere}; or, in the shell that starts the kernel: export NBAUTH_CONFIG={shlex.quote(request.source)}"


def revoke(request: Request) -> bool:
    """Take an approval back; tell whether there was one.

    Raises:
        ConfigError: it cannot be deleted.
    """
    try:
        with Directory(directory()) as folder:
            is_there = _name(request) in folder.names()
            folder.remove(_name(request))
    except FileNotFoundError:
        return False
    except (OSError, NotPrivate) as error:
        why_not = getattr(error, "strerror", None) or error
        path = directory() / _name(request)
        raise ConfigError(f"{path}: cannot be deleted: {why_not}.", next_step="Delete it.") from None
    return is_there


class Approvals:
    """The approvals that hold in a kernel: those that are kept, and those that were given here."""

    def __init__(self) -> None:
        # By its source, too, which does not count where profiles are compared.
        self._settled: dict[tuple[str | None, Profile], tuple[str, ...]] = {}
        self._words: set[tuple[str | None, Profile]] = set()

    def check(self, profile: Profile, bundle: Bundle | None, *, ask: Callable[[Request], bool] | None = None) -> bool:
        """Make sure that a profile needs no approval, or has it.

        Args:
            profile: one that was read from a file or the environment.
            bundle: its certificate authorities, as they are going to be trusted.
            ask: asks a person who is there, and tells whether they approve.

        Returns:
            Whether a person has just approved.

        Raises:
            ApprovalRequired: it needs an approval and has none.
            ConfigError: its file cannot be read, or is somebody else's.
        """
        key = profile.file, profile
        if key not in self._words and trust.origin_of(profile.file) in ("named", "user"):
            self._words.add(key)  # also after the notebook changed NBAUTH_CONFIG
        if key in self._words:
            return False
        reasons = trust.reasons(profile, ca_digest=None if bundle is None else bundle.digest)
        if not reasons or self._settled.get(key) == reasons:
            return False
        config = from_environment() if profile.file is None else load(Path(profile.file))
        request = request_for(config)
        own = {f"profile {profile.name!r} {reason}" for reason in reasons}
        # The file may have changed since the profile was read from it: an approval of what it is now is none of that.
        is_as_it_was = own <= set(request.reasons) and _is_same(profile, config.profiles.get(profile.name))
        has_just_approved = False
        if not is_as_it_was:
            raise ApprovalRequired(
                f"{request.source}: has changed since it was read, and nothing was sent. Before, "
                f"profile {profile.name!r} {'; '.join(reasons)}.",
                source=request.source,
                reasons=reasons,
                profile=profile.name,
                next_step="Make a new one of what reads here, such as nbauth.session().",
            )
        if not is_approved(request):
            if ask is None:
                raise request.required(profile.name)
            if not ask(request):
                raise request.required(profile.name, "was not approved")
            has_just_approved = True
            with contextlib.suppress(ConfigError):  # where it cannot be kept it holds as long as this kernel
                keep(request)
        self._settled[key] = reasons
        return has_just_approved


def _is_same(profile: Profile, now: Profile | None) -> bool:
    """Tell whether a profile is what the configuration says now, but for the tenant, which `login` takes, too."""
    if now is None or profile == now:
        return now is not None
    tenant = profile.resolved_authority.tenant
    try:
        return tenant is not None and profile == now.with_tenant(tenant)
    except ConfigError:
        return False


def _place(request: Request) -> str:
    """Return the source, by whatever links it was reached: those of its folders are the same file's."""
    path = Path(request.source)
    return str(Path(os.path.realpath(path.parent)) / path.name) if request.is_file else request.source


def _name(request: Request) -> str:
    return f"{_digest(_place(request))}.json"


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _read(request: Request) -> Any:
    try:
        with Directory(directory()) as folder:
            return json.loads(folder.read(_name(request), _LARGEST))
    except (OSError, ValueError, RecursionError):
        return None
