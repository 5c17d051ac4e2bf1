"""Whose tokens they are: the key of a person's account, and whether a renewal is about the same person.

An account is known by `iss` and `sub`, and by nothing else that an OpenID provider says: names and addresses change
hands, and other claims mean what the provider likes (OpenID Connect Core §5.7). Entra has a key for a person in all
of its tenants, too, which it tells beside the ID token.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import msal

from nbauth.net import base64url
from nbauth.signin.oidc import issuers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from nbauth.signin.profile.authority import Authority

__all__ = ["changed", "is_called", "key_of", "known_claims", "names_of", "read_claims", "shown_name", "those_called"]

T = TypeVar("T")


class Named(Protocol):
    """Somebody with a name and a key."""

    @property
    def username(self) -> str:
        """The sign-in name."""

    @property
    def home_account_id(self) -> str:
        """The key."""

    @property
    def other_names(self) -> tuple[str, ...]:
        """What else the provider calls them."""


NAMES = ("preferred_username", "upn", "email", "unique_name")
# The clocks of one provider's servers differ a little.
_EARLIER_S = 10.0


def key_of(authority: Authority, claims: Mapping[str, Any], client_info: Mapping[str, str]) -> str:
    """Return the key of the account that a validated ID token is about, MSAL's `home_account_id`.

    Args:
        authority: where the sign-in was.
        claims: of the ID token.
        client_info: what Entra says beside it, which is not signed; of no account at another provider.

    Raises:
        ValueError: both are about different people.
    """
    uid, utid = client_info.get("uid"), client_info.get("utid")
    tenant = issuers.tenant_of(authority, claims)
    if not authority.has_client_info:
        return str(claims["sub"])
    if not uid or not utid:
        # Without a tenant in it, the same `sub` of two tenants would share a refresh token.
        return ".".join(filter(None, (str(claims["sub"]), tenant)))
    oid = str(claims.get("oid") or "").lower()
    at_home = tenant.lower() == utid.lower()  # guests have another object in each tenant
    # B2C puts the policy behind the object.
    if at_home and oid and uid.lower() != oid and not uid.lower().startswith(f"{oid}-"):
        raise ValueError("client_info is about somebody else")
    return f"{uid}.{utid}"


def changed(authority: Authority, before: Mapping[str, Any], after: Mapping[str, Any], *, now: float) -> str | None:
    """Return what shows that two ID tokens are not of one person and sign-in, or None (OpenID Connect Core §12.2).

    Args:
        authority: where the sign-in was.
        before: claims of the ID token that is known.
        after: those of the one that came with a renewal, which was validated: its audience holds this application.
        now: the time by the provider's clock. It may be set back, and then a new token is older than one before.
    """
    if after.get("iss") != before.get("iss"):
        return "its issuer is another one"
    if after.get("sub") != before.get("sub"):
        return "its subject is somebody else"
    for name in ("tid", "oid"):
        if (
            authority.has_client_info
            and all(name in claims for claims in (before, after))
            and _low(after[name]) != _low(before[name])
        ):
            return f"its {name} is another one"
    for name in ("azp", "auth_time", "nonce"):
        if all(claims.get(name) is not None for claims in (before, after)) and after[name] != before[name]:
            return f"its {name} is another one"
    if _number(after.get("iat")) < min(_number(before.get("iat")), now) - _EARLIER_S:
        return "it is older than the one before"
    return None


def known_claims(cache: msal.TokenCache, *, home_account_id: str, client_id: str) -> dict[str, dict[str, Any]]:
    """Return what is known of an account: the claims of its last ID token, by MSAL's realm."""
    query = {"home_account_id": home_account_id, "client_id": client_id}
    entries = list(cache.search(msal.TokenCache.CredentialType.ID_TOKEN, query=query))
    return {str(entry.get("realm")): claims for entry in entries if (claims := read_claims(str(entry["secret"])))}


def read_claims(id_token: str) -> dict[str, Any]:
    """Return the claims of an ID token that was validated when it came; nothing where it cannot be read."""
    try:
        encoded = id_token.split(".")[1]
        claims: Any = json.loads(base64url.decode(encoded))
    except (IndexError, ValueError, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}


def names_of(claims: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what claims call somebody, the sign-in name first.

    An address that nobody has proven to be theirs is no further name: they may have typed anybody's.
    """
    # Cognito writes its booleans as text.
    unproven = str(claims.get("email_verified")).lower() == "false"
    first = next((name for name in NAMES if claims.get(name)), None)
    found = [
        str(claims[name]) for name in NAMES if claims.get(name) and (name == first or name != "email" or not unproven)
    ]
    emails = claims.get("emails")  # B2C's, a list
    if isinstance(emails, list) and not unproven:
        found += [str(email) for email in emails if email]
    return tuple(dict.fromkeys(found))


def shown_name(claims: Mapping[str, Any]) -> str | None:
    """Return the sign-in name that an ID token has, if it has one."""
    return next(iter(names_of(claims)), None)


def is_called(wanted: str, username: str, home_account_id: str, other_names: Iterable[str] = ()) -> bool:
    """Tell whether somebody is who was asked for, by a name or by the account's key, whose case counts."""
    if wanted in (username, home_account_id):
        return True
    names = (*(() if username == home_account_id else (username,)), *other_names)
    return wanted.lower() in (name.lower() for name in names)


def those_called(wanted: str | None, candidates: Iterable[T], who: Callable[[T], Named]) -> list[T]:
    """Return those of somebody who is asked for; none where a name stands for several people.

    Args:
        wanted: a sign-in name or an account's key; None for whoever is there.
        candidates: what is looked through.
        who: returns whose each is.
    """
    rest = list(candidates)
    if wanted is None:
        return rest
    ways: tuple[Callable[[Named], bool], ...] = (
        lambda person: person.home_account_id == wanted,
        lambda person: person.username == wanted,
        lambda person: is_called(wanted, person.username, person.home_account_id),
        lambda person: is_called(wanted, person.username, person.home_account_id, person.other_names),
    )
    for fits in ways:
        if those := [each for each in rest if fits(who(each))]:
            return those if len({who(each).home_account_id for each in those}) == 1 else []
    return []


def _low(value: Any) -> str:
    return str(value).lower()


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
