"""The keys of a profile that prove who an application is: read, checked, and told apart when they change."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nbauth.errors import ConfigError
from nbauth.signin.certificates import ClientCertificate
from nbauth.signin.managed_identity import ManagedIdentity
from nbauth.signin.secrets import SecretSource

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from nbauth.signin.profiles import Profile

__all__ = ["CREDENTIALS", "Supplied", "parse", "stamp"]

CREDENTIALS = ("client_secret", "client_certificate", "client_assertion")


@dataclass(frozen=True)
class Supplied:
    """An assertion that a function in the notebook supplies.

    Args:
        function: takes nothing and returns the assertion; it is called for each request.
        key: the configuration key it stands for, for messages.
    """

    function: Callable[[], object] = field(repr=False)
    key: str = ""

    def read(self) -> str:
        """Call it.

        Raises:
            ConfigError: it raises, or returns something else than a text. The cause is chained.
        """
        try:
            assertion = self.function()
        except Exception as error:
            raise ConfigError(f"{self.key}: the function raised {type(error).__name__}.") from error
        if not isinstance(assertion, str) or not assertion.strip():
            raise ConfigError(f"{self.key}: the function returned {type(assertion).__name__}; expected a text.")
        return assertion.strip()


def parse(given: dict[str, Any], *, where: Callable[[str], str], base: Path) -> dict[str, Any]:
    """Read what a profile says of its credentials.

    Args:
        given: the values of `client_secret`, `client_certificate`, `client_assertion`, `user_assertion` and
            `managed_identity`; None where there is none.
        where: names a key in messages.
        base: directory that relative files are relative to.

    Returns:
        The same keys, with what they became.

    Raises:
        ConfigError: one is of another form, or they contradict each other.
    """
    named = [key for key in (*CREDENTIALS, "managed_identity") if given.get(key)]
    if len(named) > 1:
        raise ConfigError(f"{where(named[0])}: cannot stand beside {named[1]}; one credential is enough.")
    if given["user_assertion"] is not None and (not named or named == ["managed_identity"]):
        raise ConfigError(
            f"{where('user_assertion')}: an application that acts for a user proves itself, too.",
            next_step="Give client_secret, client_certificate or client_assertion beside it.",
        )
    return {key: None if value is None else _PARSERS[key](value, where(key), base) for key, value in given.items()}


def _assertion(value: object, key: str, base: Path) -> SecretSource | Supplied:
    if isinstance(value, Supplied):
        return value
    return Supplied(value, key) if callable(value) else SecretSource.parse(value, key=key, base=base)


_PARSERS: dict[str, Callable[[Any, str, Path], object]] = {
    "client_secret": lambda value, key, base: SecretSource.parse(value, key=key, base=base),
    "client_certificate": lambda value, key, base: ClientCertificate.parse(value, key=key, base=base),
    "client_assertion": _assertion,
    "user_assertion": _assertion,
    "managed_identity": lambda value, key, _: None if value is False else ManagedIdentity.parse(value, key=key),
}


def stamp(profile: Profile) -> str | None:
    """Return what changes when a secret was renewed; nothing can be read from it. None where it cannot be read.

    MSAL takes a secret when its application is made, so that a change asks for a new one. Certificates and assertions
    are read for each request anyhow.
    """
    if profile.client_secret is None:
        return ""
    try:
        return hashlib.sha256(profile.client_secret.read().encode()).hexdigest()
    except ConfigError:
        return None  # whoever makes the application says why
