"""The error catalogue: what a provider's answer means, why it usually comes, and what mends it."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Entry", "Kind", "Mends", "entries", "find"]

Kind = Literal["sign_in_required", "refused", "failed", "config", "unavailable"]
Mends = Literal["person", "author", "administrator", "provider"]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What some codes mean. Texts have placeholders, which `nbauth.signin.client.provider_errors` fills.

    Attributes:
        codes: Entra's numbers and suberrors, and OAuth's error codes.
        title: what happened.
        kind: which exception it is.
        mends: who can mend it: the person, the profile's author, an administrator, or the provider itself.
        cause: why it usually happens.
        cure: the next step.
        device_code_cure: the next step after a device code, where it differs.
        job_cure: the next step for an application's profile, where it differs.
        sources: addresses of who says so.
    """

    codes: tuple[str, ...]
    title: str
    kind: Kind
    mends: Mends
    cause: str
    cure: str
    device_code_cure: str | None = None
    job_cure: str | None = None
    sources: tuple[str, ...]


@cache
def entries() -> tuple[Entry, ...]:
    """Return the whole catalogue, in its file's order; read when the first error comes."""
    data = tomllib.loads(Path(__file__).with_name("errors.toml").read_text(encoding="utf-8"))
    sources = data["sources"]
    return tuple(
        Entry(**{**each, "codes": tuple(each["codes"]), "sources": tuple(sources[name] for name in each["sources"])})
        for each in data["errors"]
    )


def find(*codes: str | None) -> Entry | None:
    """Return the entry of the first of some codes that the catalogue knows."""
    known = _by_code()
    return next((known[code] for code in codes if code in known), None)


@cache
def _by_code() -> Mapping[str | None, Entry]:
    return MappingProxyType({code: entry for entry in entries() for code in entry.codes})
