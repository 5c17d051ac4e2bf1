"""The keys of a profile that prove who an application is: read, checked, and told apart when they change."""

from __future__ import annotations

import hashlib
import inspect
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from nbauth.errors import ConfigError
from nbauth.files.edges import trimmed
from nbauth.signin.profile.certificate import ClientCertificate
from nbauth.signin.profile.managed_identity import ManagedIdentity
from nbauth.signin.profile.pipeline_token import PipelineToken
from nbauth.signin.profile.secret_source import SecretSource, hidden

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from nbauth.net.secrecy import HiddenText

__all__ = ["CREDENTIALS", "Supplied", "kind_of", "parse", "stamp"]

_OF_A_PROVIDER = (
    "authority", "client_id", "oidc_authority", "tenant", "audience", "cloud", "instance", "authorization_parameters",
)  # fmt: skip
CREDENTIALS = ("client_secret", "client_certificate", "client_assertion")


@dataclass(frozen=True)
class Supplied:
    """An assertion that a function in the notebook supplies.

    Args:
        function: takes nothing, or what MSAL tells such functions, and returns the assertion; it is called for each
            request.
        key: the configuration key it stands for, for messages.
        wants_request: it takes a dictionary with `client_id` and `token_endpoint`.
    """

    function: Callable[..., object] = field(repr=False)
    key: str = ""
    wants_request: bool = False

    def read(self, request: Mapping[str, str] | None = None) -> HiddenText:
        """Call it.

        Args:
            request: `client_id` and `token_endpoint` of the request that the assertion is for.

        Raises:
            ConfigError: it raises, or returns something else than a text. The cause is chained.
        """
        try:
            assertion = self.function(dict(request or {})) if self.wants_request else self.function()
        except Exception as error:
            raise ConfigError(f"{self.key}: the function raised {type(error).__name__}.") from error
        if not isinstance(assertion, str) or not trimmed(assertion):
            raise ConfigError(f"{self.key}: the function returned {type(assertion).__name__}; expected a text.")
        return hidden(trimmed(assertion), f"{self.key}: what the function returned")


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


def _assertion(value: object, key: str, base: Path) -> SecretSource | Supplied | PipelineToken:
    if callable(value):
        return _function(value, key, most=1)
    return PipelineToken.parse(value, key=key) or _from_place(value, key, base)


def _user_assertion(value: object, key: str, base: Path) -> SecretSource | Supplied:
    return _function(value, key, most=0) if callable(value) else _from_place(value, key, base)


def _from_place(value: object, key: str, base: Path) -> SecretSource | Supplied:
    return value if isinstance(value, Supplied) else SecretSource.parse(value, key=key, base=base)


def _function(function: Callable[..., object], key: str, *, most: int) -> Supplied:
    # As MSAL tells them apart: by the arguments that have to be given.
    try:
        arguments = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # one of C's that does not say
        return Supplied(function, key)
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    needed = [a for a in arguments if a.default is a.empty and a.kind not in (a.VAR_POSITIONAL, a.VAR_KEYWORD)]
    if len(needed) > most or any(a.kind not in positional for a in needed):
        forms = "takes nothing" + (", or one dictionary with client_id and token_endpoint" if most else "")
        raise ConfigError(f"{key}: expected a function that {forms}.")
    return Supplied(function, key, bool(needed))


_PARSERS: dict[str, Callable[[Any, str, Path], object]] = {
    "client_secret": lambda value, key, base: SecretSource.parse(value, key=key, base=base),
    "client_certificate": lambda value, key, base: ClientCertificate.parse(value, key=key, base=base),
    "client_assertion": _assertion,
    "user_assertion": _user_assertion,
    "managed_identity": lambda value, key, _: None if value is False else ManagedIdentity.parse(value, key=key),
}


def kind_of(keys: Mapping[str, Any], wrong: Callable[..., ConfigError]) -> Literal["person", "application"]:
    """Return whether a person or the application itself signs in: as the profile says, or else by its credential.

    Args:
        keys: the profile's keys with their values; those of its credentials as `parse` returns them.
        wrong: makes the error of a key, a problem and the next step.

    Raises:
        ConfigError: what is said contradicts the credential.
    """
    identity, kind = keys["managed_identity"], keys["kind"]
    if identity is not None:
        for key in _OF_A_PROVIDER:
            if keys[key]:
                raise wrong(key, "cannot stand beside managed_identity, which brings its own")
    if keys["source"]:
        _check_beside_source(keys, wrong)
        return "person"
    alone = identity is not None or any(keys[key] is not None for key in CREDENTIALS)
    if kind is None:
        return "application" if alone else "person"
    if kind not in ("person", "application"):
        raise wrong("kind", f"expected person or application, found {kind!r}")
    if kind == "application" and not alone:
        raise wrong("kind", "an application needs a credential", "Give client_secret, for one.")
    if kind == "person" and (identity or keys["user_assertion"]):
        raise wrong("kind", "no person signs in to this profile")
    return "person" if kind == "person" else "application"


def _check_beside_source(keys: Mapping[str, Any], wrong: Callable[..., ConfigError]) -> None:
    for key in ("managed_identity", "user_assertion"):
        if keys[key]:
            raise wrong(key, "cannot stand beside source, which says whose tokens they are")
    if keys["kind"] not in (None, "person"):
        raise wrong("kind", "a profile with source takes a person's sign-in", "Leave out kind or source.")


def stamp(client_secret: SecretSource | None) -> str | None:
    """Return what changes when a secret was renewed; nothing can be read from it. None where it cannot be read.

    MSAL takes a secret when its application is made, so that a change asks for a new one. Certificates and assertions
    are read for each request anyhow.
    """
    if client_secret is None:
        return ""
    try:
        return hashlib.sha256(client_secret.read().encode()).hexdigest()
    except ConfigError:
        return None  # whoever makes the application says why
