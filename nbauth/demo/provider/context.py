"""What the provider's endpoints share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nbauth.demo.provider.grants import Grants
    from nbauth.demo.provider.keys import SigningKeys
    from nbauth.demo.provider.registry import Registry
    from nbauth.demo.provider.settings import Clock, Settings

__all__ = ["Context"]


@dataclass(frozen=True, kw_only=True)
class Context:
    """The provider, seen from one of its endpoints.

    Attributes:
        cookie: name of the session cookie.
    """

    settings: Settings
    clock: Clock
    registry: Registry
    keys: SigningKeys
    grants: Grants
    cookie: str
