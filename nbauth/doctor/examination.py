"""The examination: everything the doctor looks at, in its order; what goes wrong in one place stops no other."""

from __future__ import annotations

import contextlib
import functools
from typing import TYPE_CHECKING

from nbauth import kernel
from nbauth.doctor import configuration, installation, provider, sources, surroundings
from nbauth.doctor.finding import Finding, failed
from nbauth.doctor.report import Report
from nbauth.errors import ApprovalRequired, ConfigError
from nbauth.process.patience import within

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from nbauth.signin.profile.config import Config
    from nbauth.signin.profile.profile import Profile
    from nbauth.signin.tokens.connection import Connection

__all__ = ["examine"]

_KEYRING_S = 40.0  # a quarter of it: nobody is meant to unlock a keyring for an examination


def examine(tell: Callable[[Finding], None] | None = None) -> Report:
    """Look at the installation, the surroundings and the configuration, and ask each provider.

    Nothing of what the providers say is kept, and nothing that was kept before is taken for what they say.

    Args:
        tell: is called with each finding as soon as it is made: a provider may take its time.
    """
    versions = installation.versions()
    findings = []
    for finding in _findings(versions):
        findings.append(finding)
        if tell is not None:
            tell(finding)
    return Report(versions=versions, findings=tuple(findings))


def _findings(versions: dict[str, str]) -> Iterator[Finding]:
    yield from installation.releases(versions)
    yield from installation.extras()
    yield from surroundings.front_end()
    yield from surroundings.authorities()
    config = _config()
    profiles = [] if isinstance(config, Finding) else list(config.profiles.values())
    yield from surroundings.proxies(profiles)
    with within(_KEYRING_S):
        yield from installation.keyring(profiles)
    if isinstance(config, Finding):
        yield config
        return
    yield from configuration.chosen(config)
    yield from configuration.unused_variables(config)
    yield from configuration.approval(config)
    for profile in profiles:
        yield from _profile(profile)


def _config() -> Config | Finding:
    try:
        config = kernel.config()
    except ConfigError as error:
        return failed("profiles", error)
    return config if config.problem is None else failed("profiles", config.problem)


def _profile(profile: Profile) -> Iterator[Finding]:
    left = configuration.template(profile)
    if left is not None:
        yield left
        return
    try:
        kernel.check_approval(profile)
    except ApprovalRequired:
        text = "nothing was asked, since the configuration is not approved."
        yield Finding(topic=f"profile {profile.name}", level="note", text=text)
        return
    except ConfigError as error:
        yield failed(f"profile {profile.name}", error)
        return
    with contextlib.ExitStack() as opened:

        @functools.cache
        def connect_to(profile: Profile) -> Connection:
            connection = provider.connect_anew(profile)
            opened.callback(connection.transport.close)
            return connection

        if profile.source:
            yield from sources.examine(profile, connect_to)
        if profile.resolved_authority.kind != "sources":
            yield from provider.examine(profile, connect_to)
