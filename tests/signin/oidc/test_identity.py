"""Whose tokens they are: the names that somebody goes by."""

from __future__ import annotations

from typing import Any

import pytest

from nbauth.signin.oidc import identity


@pytest.mark.parametrize(
    ("claims", "names"),
    [
        ({"preferred_username": "bsmith", "email": "bob@fabrikam.com"}, ("bsmith", "bob@fabrikam.com")),
        ({"email": "bob@fabrikam.com", "upn": "bob@x.org", "name": "Bob"}, ("bob@x.org", "bob@fabrikam.com")),
        ({"preferred_username": "bob", "email": "bob"}, ("bob",)),
        ({"emails": ["bob@fabrikam.com", "b@x.org"]}, ("bob@fabrikam.com", "b@x.org")),
        ({"preferred_username": "eve", "email": "bob@x.org", "email_verified": False}, ("eve",)),
        ({"preferred_username": "eve", "email": "bob@x.org", "email_verified": "false"}, ("eve",)),
        ({"email": "eve@x.org", "email_verified": False}, ("eve@x.org",)),
        ({"preferred_username": "", "email": None}, ()),
    ],
)
def test_names(claims: dict[str, Any], names: tuple[str, ...]) -> None:
    """The sign-in name stands first; an address that nobody has proven is theirs is no further name."""
    assert identity.names_of(claims) == names
    assert identity.shown_name(claims) == next(iter(names), None)


@pytest.mark.parametrize("wanted", ["key", "bsmith", "BSmith", "Bob@fabrikam.com"])
def test_is_called(wanted: str) -> None:
    """Somebody is called by any of their names in any case, and by their key as it is."""
    assert identity.is_called(wanted, "bsmith", "key", ("bob@fabrikam.com",))
    assert not identity.is_called("KEY", "bsmith", "key", ("bob@fabrikam.com",))
