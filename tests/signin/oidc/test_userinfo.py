from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from nbauth.signin.http.transport import Answer
from nbauth.signin.oidc import userinfo
from nbauth.signin.profile.profile import Profile

ENDPOINT = "https://login.example.org/me"
CLAIMS = {"sub": "4711", "iss": "https://login.example.org/lab"}
FOUND = {"sub": "4711", "preferred_username": "alice@example.org", "name": "Alice", "oid": "another", "iss": "another"}


class Provider:
    """A client whose provider has a userinfo; it keeps what it was asked."""

    def __init__(self, found: Any = FOUND, *, endpoint: Any = ENDPOINT, status: int = 200, **profile: Any) -> None:
        where = profile or {"oidc_authority": CLAIMS["iss"]}
        self.profile = Profile("lab", client_id="notebook", apis={}, **where)
        document = {"issuer": self.profile.authority_url, "jwks_uri": "https://login.example.org/keys"}
        document |= {"userinfo_endpoint": endpoint} if endpoint else {}
        self.application = SimpleNamespace(
            http_client=SimpleNamespace(get=lambda _url: Answer(200, json.dumps(document), {}))
        )
        self.transport = self
        self.asked: list[tuple[str, dict[str, str]]] = []
        self._found, self._status = found, status

    def get(self, url: str, *, headers: dict[str, str]) -> Answer:
        self.asked.append((url, headers))
        if self._status == 0:
            raise requests.ConnectionError("gone")
        return Answer(self._status, json.dumps(self._found), {})


def _named(provider: Provider, claims: dict[str, Any] = CLAIMS, *, wanted: str | None = None) -> dict[str, Any]:
    return userinfo.named(
        claims,
        profile=provider.profile,
        application=provider.application,
        transport=provider,  # type: ignore[arg-type]
        access_token="token",
        wanted=wanted,
    )


def test_names_come_from_userinfo() -> None:
    """Names come from userinfo, asked with the access token; nothing else of it is taken over."""
    provider = Provider()
    assert _named(provider) == {**CLAIMS, "preferred_username": "alice@example.org", "name": "Alice"}
    assert provider.asked == [(ENDPOINT, {"Authorization": "Bearer token"})]


@pytest.mark.parametrize("claim", ["preferred_username", "upn", "email", "unique_name"])
def test_an_id_token_with_a_name_is_enough(claim: str) -> None:
    """Where the ID token names somebody, userinfo is not asked."""
    provider = Provider()
    claims = {**CLAIMS, claim: "alice"}
    assert _named(provider, claims) == claims
    assert provider.asked == []


def test_a_display_name_is_no_sign_in_name() -> None:
    """Where the ID token has a display name alone, userinfo is asked for the sign-in name, and the former stays."""
    provider = Provider({"sub": "4711", "name": "Somebody", "email": "alice@example.org"})
    claims = {**CLAIMS, "name": "Alice"}
    assert _named(provider, claims) == {**claims, "email": "alice@example.org", "email_verified": True}


@pytest.mark.parametrize(
    ("wanted", "asked"),
    [("alice", False), ("ALICE", False), ("4711", False), ("alice@example.org", True), ("bob", True), (None, False)],
)
def test_a_name_that_the_id_token_does_not_have(wanted: str | None, asked: bool) -> None:  # noqa: FBT001 - a row
    """Who is asked for by another name than the ID token has may have it in userinfo; the ID token's own stays."""
    provider = Provider({"sub": "4711", "preferred_username": "other", "email": "alice@example.org"})
    claims = {**CLAIMS, "preferred_username": "alice"}
    named = _named(provider, claims, wanted=wanted)
    assert bool(provider.asked) is asked
    assert named["preferred_username"] == "alice"
    assert ("email" in named) is asked


def test_entra_is_not_asked() -> None:
    """An Entra authority's userinfo is on another host, and is not asked."""
    provider = Provider(tenant="contoso.example")
    assert _named(provider) == CLAIMS
    assert provider.asked == []


@pytest.mark.parametrize(
    "provider",
    [
        Provider({**FOUND, "sub": "4712"}),
        Provider({"name": "Alice"}),
        Provider({"sub": "4711", "name": 7, "email": ["alice"]}),
        Provider(endpoint=None),
        Provider(endpoint=["https://login.example.org/me"]),
        Provider(status=401),
        Provider(status=0),
    ],
    ids=["somebody else", "nobody", "odd types", "none", "odd endpoint", "refused", "gone"],
)
def test_no_names(provider: Provider) -> None:
    """Userinfo that is about somebody else, odd or not to be had changes nothing, and ends no sign-in."""
    assert _named(provider) == CLAIMS
