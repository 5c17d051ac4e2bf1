"""Document: what is remembered for one application, and the fingerprints of the profiles that it belongs to."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import secrets
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import msal

from nbauth.signin.client.token_cache import cache_key
from nbauth.signin.profile.trust import digest_of_file

if TYPE_CHECKING:
    from nbauth.signin.profile.account import Account
    from nbauth.signin.profile.profile import Profile

__all__ = ["Document", "Grant", "Remembered", "application_name", "fingerprint", "new_generation"]

_VERSION = 2


def application_name(profile: Profile) -> str:
    """Return what stands for the profile's application at its provider: profiles that share refresh tokens share it."""
    return _digest(cache_key(profile))


def fingerprint(profile: Profile) -> str:
    """Return what stands for a profile as it is: edited, it is another one, and what was remembered is not its own.

    What it trusts counts, too: a host, a proxy or a certificate authority that was added may be somebody else's. Of
    the authority the content counts, since a file of the same name may hold another one.
    """
    return _digest(
        {
            "authority": profile.authority_url,
            "client_id": profile.client_id,
            "kind": profile.kind,
            "apis": {origin: sorted(scopes) for origin, scopes in profile.origins.items()},
            "endpoint_hosts": sorted(profile.endpoint_hosts),
            "ca_bundle": profile.ca_bundle,
            "ca_content": None if profile.ca_bundle is None else digest_of_file(profile.ca_bundle),
            "proxies": None if profile.proxies is None else dict(profile.proxies),
        }
        # Only where there are some: what was remembered before there was such a key is still its profile's.
        | ({"authorization_parameters": dict(parameters)} if (parameters := profile.authorization_parameters) else {})
    )


def new_generation() -> str:
    """Return a mark for one sign-in: a renewal of an older one is never written over it."""
    return secrets.token_hex(16)


@dataclass(frozen=True, kw_only=True)
class Remembered:
    """Who was remembered for which profile; nothing secret.

    Attributes:
        profile: the profile's name.
        fingerprint: of the profile as it was.
        username: as in `Account`, like the others.
        name: the display name.
        tenant_id: the tenant, or empty.
        home_account_id: the provider's key of the account.
        other_names: what else the provider calls them; earlier versions did not write that.
    """

    profile: str
    fingerprint: str
    username: str
    name: str
    tenant_id: str
    home_account_id: str
    other_names: tuple[str, ...] = ()

    @classmethod
    def of(cls, account: Account, profile: Profile) -> Remembered:
        """Make it of an account."""
        return cls(
            profile=profile.name,
            fingerprint=fingerprint(profile),
            username=account.username,
            name=account.name,
            tenant_id=account.tenant_id,
            home_account_id=account.home_account_id,
            other_names=account.other_names,
        )

    def is_of(self, name: str, home_account_id: str) -> bool:
        """Tell whether it is of a profile, by its fingerprint, and an account."""
        return (self.fingerprint, self.home_account_id) == (name, home_account_id)


@dataclass(frozen=True, kw_only=True)
class Grant:
    """The tokens of one account.

    Attributes:
        generation: the mark of the sign-in that they grew out of.
        cache: MSAL's token cache, serialized.
    """

    generation: str
    cache: str = field(repr=False)

    def token_cache(self) -> msal.SerializableTokenCache:
        """Return MSAL's token cache as it was."""
        cache = msal.SerializableTokenCache()
        cache.deserialize(self.cache)
        return cache


@dataclass(frozen=True, kw_only=True)
class Document:
    """The content of the file.

    Attributes:
        sign_ins: who was remembered for which profile, the last one last.
        grants: the tokens by `home_account_id`. An application has one refresh token for an account, whatever the
            number of its profiles: in two places, rotated in one of them, it would end both.
    """

    sign_ins: tuple[Remembered, ...] = ()
    grants: dict[str, Grant] = field(default_factory=dict)

    def of(self, name: str) -> list[Remembered]:
        """Return who was remembered for the profile of a fingerprint, the last one first."""
        return [sign_in for sign_in in reversed(self.sign_ins) if sign_in.fingerprint == name]

    def lists(self, name: str, home_account_id: str) -> bool:
        """Tell whether an account is remembered for the profile of a fingerprint."""
        return any(sign_in.is_of(name, home_account_id) for sign_in in self.sign_ins)

    def with_grant(self, home_account_id: str, grant: Grant) -> Document:
        """Return it with another grant of an account."""
        return dataclasses.replace(self, grants={**self.grants, home_account_id: grant})

    def with_sign_in(self, sign_in: Remembered, *, instead_of: str) -> Document:
        """Return it with a sign-in as the last one; of its account, none for the fingerprint `instead_of` is left."""
        names = (sign_in.fingerprint, instead_of)
        others = [s for s in self.sign_ins if not any(s.is_of(name, sign_in.home_account_id) for name in names)]
        return dataclasses.replace(self, sign_ins=(*others, sign_in))

    def without(self, *, profiles: frozenset[str] = frozenset(), account: str | None = None) -> Document:
        """Return it without some sign-ins, and without the grants that none of the others needs.

        Args:
            profiles: names and fingerprints.
            account: a `home_account_id`.
        """
        left = tuple(
            s for s in self.sign_ins if not profiles & {s.profile, s.fingerprint} and s.home_account_id != account
        )
        needed = {sign_in.home_account_id for sign_in in left}
        return Document(sign_ins=left, grants={who: grant for who, grant in self.grants.items() if who in needed})

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
            case {"version": 2, "sign_ins": [*sign_ins], "grants": {**grants}}:
                return cls(
                    sign_ins=tuple(_sign_in(found) for found in sign_ins),
                    grants={str(who): _grant(found) for who, found in grants.items()},
                )
        raise _other_version()


def _sign_in(found: object) -> Remembered:
    members = [each.name for each in dataclasses.fields(Remembered) if each.name != "other_names"]
    if not isinstance(found, dict) or not all(isinstance(found.get(name), str) for name in members):
        raise _other_version()
    others = found.get("other_names", [])
    if not isinstance(others, list) or not all(isinstance(name, str) for name in others):
        raise _other_version()
    return Remembered(**{name: found[name] for name in members}, other_names=tuple(others))


def _grant(found: object) -> Grant:
    match found:
        case {"generation": str(generation), "cache": str(cache)} if _is_token_cache(json.loads(cache)):
            return Grant(generation=generation, cache=cache)
    raise _other_version()


def _other_version() -> ValueError:
    return ValueError("it is of another version")


def _is_token_cache(cache: object) -> bool:
    # MSAL takes what it is given; here it is looked at once: kinds, keys, entries.
    return isinstance(cache, dict) and all(
        isinstance(entries, dict) and all(isinstance(entry, dict) for entry in entries.values())
        for entries in cache.values()
    )


def _digest(what: Any) -> str:
    return hashlib.sha256(json.dumps(what, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
