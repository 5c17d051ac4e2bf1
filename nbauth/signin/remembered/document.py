"""Document: what is remembered of one sign-in, and the fingerprint of the profile that it belongs to."""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

import msal

if TYPE_CHECKING:
    from nbauth.signin.account import Account
    from nbauth.signin.profiles import Profile

__all__ = ["Document", "Remembered", "fingerprint", "new_generation"]

_VERSION = 1


def fingerprint(profile: Profile) -> str:
    """Return what stands for a profile as it is: edited, it is another one, and what was remembered is not its own."""
    what = {
        "authority": profile.authority_url,
        "client_id": profile.client_id,
        "kind": profile.kind,
        "apis": {origin: sorted(scopes) for origin, scopes in profile.origins.items()},
    }
    return hashlib.sha256(json.dumps(what, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def new_generation() -> str:
    """Return a mark for one sign-in: a renewal of an older one is never written over it."""
    return secrets.token_hex(16)


@dataclass(frozen=True, kw_only=True)
class Remembered:
    """Who was remembered; nothing secret.

    Attributes:
        username: as in `Account`, like the others.
        name: the display name.
        tenant_id: the tenant, or empty.
        home_account_id: the provider's key of the account.
    """

    username: str
    name: str
    tenant_id: str
    home_account_id: str

    @classmethod
    def of(cls, account: Account) -> Remembered:
        """Make it of an account."""
        return cls(
            username=account.username,
            name=account.name,
            tenant_id=account.tenant_id,
            home_account_id=account.home_account_id,
        )


@dataclass(frozen=True, kw_only=True)
class Document:
    """The content of the file.

    Attributes:
        generation: the mark of the sign-in.
        account: who signed in.
        cache: MSAL's token cache, serialized.
    """

    generation: str
    account: Remembered
    cache: str = field(repr=False)

    def token_cache(self) -> msal.SerializableTokenCache:
        """Return MSAL's token cache as it was."""
        cache = msal.SerializableTokenCache()
        cache.deserialize(self.cache)
        return cache

    def dump(self) -> bytes:
        """Return it as bytes."""
        return json.dumps({"version": _VERSION, **asdict(self)}).encode()

    @classmethod
    def parse(cls, data: bytes) -> Document:
        """Return what `dump` made.

        Raises:
            ValueError: it is of another version.
        """
        match json.loads(data):
            case {
                "version": 1,
                "generation": str(generation),
                "cache": str(cache),
                "account": {
                    "username": str(username),
                    "name": str(name),
                    "tenant_id": str(tenant_id),
                    "home_account_id": str(home_account_id),
                },
            } if _is_token_cache(json.loads(cache)):
                account = Remembered(username=username, name=name, tenant_id=tenant_id, home_account_id=home_account_id)
                return cls(generation=generation, account=account, cache=cache)
        raise ValueError("it is of another version")


def _is_token_cache(cache: object) -> bool:
    # MSAL takes what it is given; here it is looked at once: kinds, keys, entries.
    return isinstance(cache, dict) and all(
        isinstance(entries, dict) and all(isinstance(entry, dict) for entry in entries.values())
        for entries in cache.values()
    )
