"""Which scopes an answer leaves out of those that were asked for (RFC 6749 §3.3 and §5.1)."""

from __future__ import annotations

from nbauth.net.sanitize import clean

__all__ = ["not_granted"]

# What they ask for shows in the ID token and in a refresh token; many a provider does not repeat them.
_OF_OPENID = frozenset({"openid", "profile", "email", "address", "phone", "offline_access"})
_LONGEST = 100


def not_granted(asked: tuple[str, ...], granted: object) -> tuple[str, ...]:
    """Return the scopes that were asked for and not granted, fit to be shown.

    Providers write a scope with or without the API that it is of, as Entra does with Microsoft Graph's, and in other
    cases. ``/.default`` stands for whatever an administrator has granted.

    Args:
        asked: the scopes.
        granted: the answer's ``scope``; where there is none, all were granted.
    """
    if not isinstance(granted, str) or not granted.strip():
        return ()
    known = [scope.lower() for scope in granted.replace(",", " ").split()]
    return tuple(
        clean(scope, _LONGEST)
        for scope in asked
        if scope not in _OF_OPENID
        and not scope.endswith("/.default")
        and not any(_is_same(scope.lower().rstrip("/"), each.rstrip("/")) for each in known)
    )


def _is_same(one: str, other: str) -> bool:
    return one == other or one.endswith(f"/{other}") or other.endswith(f"/{one}")
