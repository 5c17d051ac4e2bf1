"""Where a sign-in may be that is already there: the names that a profile's `source` takes, and their order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, cast, get_args

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbauth.errors import ConfigError

__all__ = ["LOGIN", "SOURCES", "SourceName", "asks_nobody", "checked_sources"]

SourceName = Literal["hub", "az", "fabric", "databricks", "login"]
SOURCES: tuple[SourceName, ...] = get_args(SourceName)
LOGIN = "login"  # no source: the person is asked, as without any


def checked_sources(key: str, value: object, wrong: Callable[..., ConfigError]) -> tuple[SourceName, ...]:
    """Return the sources of a profile in their order.

    Args:
        key: the key's name.
        value: what the profile says: one name, or a list.
        wrong: makes the error of a key, a problem and the next step.

    Raises:
        ConfigError: one is unknown or named twice, or ``"login"`` is not the last.
    """
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, (list, tuple)):
        raise wrong(key, f"expected a name or a list of names, found {value!r}")
    for name in names:
        if name not in SOURCES:
            raise wrong(key, f"expected {', '.join(SOURCES)}; found {name!r}")
    if len(set(names)) < len(names):
        raise wrong(key, "names one twice")
    if LOGIN in names[:-1]:
        raise wrong(key, f"{LOGIN!r} can only be the last, since after it nothing else is tried")
    if list(names) == [LOGIN]:
        return ()  # as without the key
    return cast("tuple[SourceName, ...]", tuple(names))


def asks_nobody(sources: tuple[SourceName, ...]) -> bool:
    """Tell whether there are sources, and nobody is asked where they have no sign-in."""
    return bool(sources) and LOGIN not in sources
