"""The installation: releases, extras, and what keeps secrets here."""

from __future__ import annotations

import importlib.metadata
import platform
import re
import sys
from typing import TYPE_CHECKING

from nbauth import __version__
from nbauth.doctor.finding import Finding
from nbauth.next_step import Install, NextStep, to_run
from nbauth.process.tried_versions import version_of
from nbauth.signin.remembered.encryption import KEY_VARIABLE, PLAINTEXT_VARIABLE, store_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from nbauth.doctor.finding import Level
    from nbauth.signin.profile.profile import Profile

__all__ = ["extras", "keyring", "releases", "versions"]

# What a bug report is asked for first; those that are not installed are left out.
_SHOWN = (
    *("msal", "msal-extensions", "requests", "urllib3", "pandas", "cryptography", "certifi", "truststore"),
    *("ipython", "ipykernel", "ipywidgets", "anywidget", "jupyterlab", "notebook", "pyarrow", "msgspec", "keyring"),
)
_BROUGHT = {"[broker]": "pymsalruntime"}  # what an extra of another library's brings, without which it is not there
# A requirement as installed packages write it: `msal[broker]>=1.35; extra == 'broker'` (PEP 508).
_REQUIREMENT = re.compile(
    r"(?P<name>[\w.-]+)(?P<brings>\[\w+\])?[^;]*?(?:>=(?P<least>[\w.]+))?\s*"
    r"(?:;.*extra == ['\"](?P<extra>[\w-]+)['\"])?$"
)


def versions() -> dict[str, str]:
    """Return the releases of nbauth, Python and the libraries that matter, by name."""
    found = {name: _installed(name) for name in _SHOWN}
    present = {name: version for name, version in found.items() if version is not None}
    return {"nbauth": __version__, "python": platform.python_version(), **present}


def releases(present: Mapping[str, str]) -> Iterator[Finding]:
    """Yield which releases there are, and which of them are below what nbauth needs."""
    told = ", ".join(f"{name} {version}" for name, version in present.items() if name != "python")
    where = f"Python {present['python']} ({sys.executable}) on {platform.system()} {platform.machine()}"
    yield Finding(topic="versions", level="ok", text=f"{told}; {where}.")
    for name, least, extra in _requirements():
        version = _installed(name)
        if version is None or least is None or version_of(version) >= version_of(least):
            continue
        level: Level = "error" if extra is None else "warning"
        text = f"{name} is {version}, and nbauth needs {least} or later."
        yield Finding(topic="versions", level=level, text=text, cure=to_run(Install(f"{name}>={least}")))


def extras() -> Iterator[Finding]:
    """Yield which extras are installed and which are not."""
    wanted: dict[str, list[str]] = {}
    for name, _, extra in _requirements():
        if extra is not None:
            wanted.setdefault(extra, []).append(name)
    there = [extra for extra, names in wanted.items() if all(map(_installed, names))]
    missing = [extra for extra in wanted if extra not in there]
    if not wanted:
        text = "It cannot be told which are installed: nbauth runs from a folder that pip knows nothing of."
        yield Finding(topic="extras", level="note", text=text, cure=to_run(Install("nbauth")))
        return
    text = f"installed: {_named(there)}; not installed: {_named(missing)}."
    cure = None
    if "fast" in missing:
        cure = NextStep(("For loads that are several times faster, run: ", Install("nbauth[fast]")))
    yield Finding(topic="extras", level="ok" if cure is None else "note", text=text, cure=cure)


def keyring(profiles: Iterable[Profile]) -> Iterator[Finding]:
    """Yield what would encrypt a remembered sign-in, and what a profile's `keyring` is read from."""
    try:
        name = store_name()
    except ValueError as error:
        yield Finding(topic="remember", level="error", text=f"{error}.", cure=f"Mend it or unset {KEY_VARIABLE}.")
    else:
        text = f"a remembered sign-in is encrypted by {name}."
        level: Level = "ok"
        cure = None
        if name is None:
            text = "nothing on this machine can encrypt a sign-in, so that none is remembered."
            level, cure = (
                "note",
                f"A server's administrator can set {KEY_VARIABLE}; {PLAINTEXT_VARIABLE}=1 does without.",
            )
        yield Finding(topic="remember", level=level, text=text, cure=cure)
    users = [profile.name for profile in profiles if _reads_keyring(profile)]
    if users:
        yield _keyring_of(users)


def _keyring_of(users: list[str]) -> Finding:
    whose = f"client_secret of {', '.join(users)}"
    try:
        import keyring as library

        backend = library.get_keyring()
    except ImportError:
        text = f"{whose} is to be read from it, and the package is not installed."
        return Finding(topic="keyring", level="error", text=text, cure=to_run(Install("nbauth[keyring]")))
    kind = f"{type(backend).__module__}.{type(backend).__name__}"
    if backend.priority <= 0:  # the backends `fail` and `null`, which keep nothing
        text = f"{whose} is to be read from it, and no keyring that keeps anything is here ({kind})."
        return Finding(topic="keyring", level="error", text=text, cure="Name the secret's place as env or file.")
    return Finding(topic="keyring", level="ok", text=f"{whose} is read from {kind}.")


def _reads_keyring(profile: Profile) -> bool:
    return profile.client_secret is not None and profile.client_secret.kind == "keyring"


def _installed(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _requirements() -> Iterator[tuple[str, str | None, str | None]]:
    """Yield the name, the lowest release and the extra of each library that nbauth asks for."""
    try:
        written = importlib.metadata.requires("nbauth") or []
    except importlib.metadata.PackageNotFoundError:
        return
    for requirement in written:
        found = _REQUIREMENT.match(requirement)
        if found:
            yield found["name"], found["least"], found["extra"]
            if found["brings"] in _BROUGHT:
                yield _BROUGHT[found["brings"]], None, found["extra"]


def _named(extras: list[str]) -> str:
    return ", ".join(extras) or "none"
