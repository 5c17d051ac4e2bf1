"""The system's own sign-in broker (Windows' account manager, macOS' Company Portal, Linux' Intune), through MSAL.

MSAL speaks to it by ``pymsalruntime``, which the extra ``nbauth[broker]`` brings. Nothing of this is loaded unless a
profile says ``broker = true``.
"""

from __future__ import annotations

import contextlib
import importlib.util
import inspect
from typing import TYPE_CHECKING

import msal

from nbauth.errors import ConfigError
from nbauth.next_step import Install, to_run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nbauth.signin.profile.profile import Profile

__all__ = ["loading", "switches"]


def switches(profile: Profile) -> dict[str, bool]:
    """Return MSAL's switches for the brokers of every platform that the installed MSAL knows.

    Raises:
        ConfigError: the extra is not installed.
    """
    if importlib.util.find_spec("pymsalruntime") is None:
        raise ConfigError(
            f"Profile {profile.name!r}: broker = true needs MSAL's broker package, which is not installed.",
            next_step=to_run(Install("nbauth[broker]")),
        )
    known = inspect.signature(msal.PublicClientApplication.__init__).parameters
    return {name: True for name in known if name.startswith("enable_broker_on_")}


@contextlib.contextmanager
def loading(profile: Profile) -> Iterator[None]:
    """Translate what happens where the broker's library cannot be loaded.

    Raises:
        ConfigError: a system library that it needs is missing.
    """
    try:
        yield
    except OSError as error:
        if not profile.broker or ".so" not in str(error):
            raise
        raise ConfigError(
            f"Profile {profile.name!r}: the broker's library cannot be loaded: {error}.",
            next_step="Install what it needs, or leave broker out of the profile.",
        ) from None
