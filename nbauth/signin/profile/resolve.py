"""Which profile a caller means: by name, as the default, or by a URL's origin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbauth.errors import ConfigError, OriginNotAllowed
from nbauth.net.origins import api_origin_of, check_https, display_url, redact_url
from nbauth.next_step import Login, NextStep, Shell, to_run

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from nbauth.errors import NbauthError
    from nbauth.signin.profile.config import Config
    from nbauth.signin.profile.profile import Profile

__all__ = ["START", "by_name", "by_url", "check_scopes", "default_name", "naming", "to_forget", "where_looked"]

START = to_run(Shell(("nbauth", "init")), ", or ", Shell(("nbauth", "demo")), " to try it without a tenant.")


def default_name(config: Config) -> str | None:
    """Return what ``"default"`` stands for.

    In order: what ``NBAUTH_PROFILE`` names; what the file names; ``default``; the only one there is.
    """
    if config.chosen in config.profiles:
        return config.chosen
    if config.default in config.profiles:
        return config.default
    if "default" in config.profiles:
        return "default"
    return next(iter(config.profiles)) if len(config.profiles) == 1 else None


def where_looked(config: Config) -> str:
    """Return a sentence that says where profiles were looked for, and that there are none."""
    folders = [str(folder) for folder in config.looked_in]
    listed = " or ".join(filter(None, (", ".join(folders[:-1]), *folders[-1:]))) or "any directory"
    return (
        f"There is no nbauth.toml in {listed}, NBAUTH_CONFIG is not set, and AZURE_CLIENT_ID and AZURE_TENANT_ID are "
        "not both set."
    )


def by_name(config: Config, name: str | None) -> Profile:
    """Return the profile of a name; ``"default"`` and None stand for the default one.

    Raises:
        ConfigError: there is none, or no default among several; or the environment was to make it, and is wrong.
    """
    named = "default" if name is None else name
    if named == "default":
        _check_chosen(config)
    if config.problem is not None and named not in config.profiles:
        raise config.problem
    if not config.profiles:
        raise ConfigError(f"No profile is configured. {where_looked(config)}", next_step=START)
    known = ", ".join(sorted(config.profiles))
    if named != "default":
        if named in config.profiles:
            return config.profiles[named]
        raise ConfigError(f"There is no profile {name!r} in {config.source}; known: {known}.")
    default = default_name(config)
    if default is not None:
        return config.profiles[default]
    first = min(config.profiles)
    raise ConfigError(
        f"{config.source} names no default among {known}.",
        next_step=NextStep(("Name one, as in ", Login(first), f', or add: default = "{first}"')),
    )


def by_url(
    config: Config,
    url: str,
    *,
    only: str | None = None,
    ready: Callable[[list[Profile]], list[Profile]] | None = None,
) -> Profile:
    """Return the profile whose token a URL gets.

    Of several that name its origin it is the one that ``NBAUTH_PROFILE`` names; else the only one that is ready; else
    the default one.

    Args:
        config: the profiles.
        url: an absolute URL.
        only: the one profile that may serve it; None lets every profile serve its own origins.
        ready: returns those of several that somebody is signed in to; they come before the default one.

    Raises:
        OriginNotAllowed: no profile names its origin.
        ConfigError: several do, and the default one is not among them; or ``NBAUTH_PROFILE`` names none that there is.
    """
    if only is None:
        _check_chosen(config)
    candidates = config.profiles.values() if only is None else [config.profiles[only]]
    matching = {profile.name: profile for profile in naming(candidates, url)}
    if not matching:
        raise _not_allowed(config, url, only)
    default = default_name(config)
    if len(matching) > 1 and ready is not None and config.chosen not in matching:
        names = [profile.name for profile in ready(list(matching.values()))]
        if len(names) == 1 or (names and default not in matching):
            matching = {name: matching[name] for name in names}
    if len(matching) == 1 or default in matching:
        return matching[default if default in matching else next(iter(matching))]
    raise ConfigError(
        f"{display_url(api_origin_of(url))} is named by several profiles: {', '.join(sorted(matching))}.",
        next_step=f"Say which one, as in profile={min(matching)!r}.",
    )


def _check_chosen(config: Config) -> None:
    if config.chosen is not None and config.profiles and config.chosen not in config.profiles:
        raise ConfigError(
            f"NBAUTH_PROFILE names {config.chosen!r}, and there is no such profile in {config.source}; "
            f"known: {', '.join(sorted(config.profiles))}.",
            next_step="Set it to one of these, or to none.",
        )


def naming(profiles: Iterable[Profile], url: str) -> list[Profile]:
    """Return those of the profiles that list a URL's origin."""
    return [profile for profile in profiles if profile.scopes_for(url) is not None]


def _not_allowed(config: Config, url: str, only: str | None) -> NbauthError:
    if config.problem is not None and only is None:
        return config.problem
    try:
        server = api_origin_of(url)
    except ValueError as error:
        return OriginNotAllowed(f"{redact_url(url)}: {error}.", url=redact_url(url))
    origin = display_url(server)
    if not config.profiles:
        return ConfigError(
            f"No profile is configured, so nothing may be sent to {origin}. {where_looked(config)}", next_step=START
        )
    check_https(url, server)
    who = f"Profile {only!r} does not name" if only else f"No profile of {config.source} names"
    return OriginNotAllowed(
        f"{who} {origin}, so no token is sent there.",
        url=redact_url(url),
        next_step=f'Add "{origin}" = ["SCOPE"] under [profiles.{only or next(iter(config.profiles))}.apis].',
    )


def check_scopes(profile: Profile, scopes: tuple[str, ...]) -> None:
    """Refuse a sign-in that asks for nothing.

    Raises:
        ConfigError: nothing says what to ask for.
    """
    if not scopes:
        raise ConfigError(
            f"Profile {profile.name!r}: nothing says what to ask for.",
            next_step="Give apis in nbauth.toml, or set NBAUTH_APIS.",
        )


def to_forget(
    config: Callable[[], Config], name: str | None, *, in_use: Collection[str]
) -> tuple[list[Profile], ConfigError | None]:
    """Return the profiles that a sign-out is of, None being every one; and what to raise after it.

    A configuration that is wrong, or that knows a profile no longer, keeps nobody from signing out of what they are
    signed in to.

    Args:
        config: reads the profiles.
        name: of a profile, or None.
        in_use: the names of those that this kernel is signed in to.

    Raises:
        ConfigError: there is no profile of this name, and nobody is signed in to one.
    """
    known: list[Profile] = []
    try:
        present = config()
        if name is not None:
            return [by_name(present, name)], None
        known, problem = [*present.profiles.values()], present.problem
    except ConfigError as error:
        if name in in_use:
            return [], None
        if name is not None:
            raise
        problem = error
    if problem is None:
        return known, None
    return known, ConfigError(
        f"Signed out here, but what is remembered for other profiles is not known: {problem.args[0]}",
        next_step=problem.step,
    )
