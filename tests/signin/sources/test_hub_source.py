"""`source = "hub"`: what a hub may answer, played on loopback; a real JupyterHub is in tests/tools."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from fake_az import token_with
from loopback_api import Reply, as_json, redirect, serving

import nbauth
from nbauth import kernel
from nbauth.demo.server import ARCHIVE_IDENTIFIER
from nbauth.errors import ApprovalRequired, ProviderUnavailable, SignInFailed, SignInRequired
from nbauth.signin.oidc.identity import read_claims

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from loopback_api import Server

    from nbauth.demo.server import DemoServer

SCOPE = "admin:auth_state!user=alice"
READ = "Data.Read Profile.Read"


class FakeHub:
    """What answers as the hub's API does.

    Args:
        server: where it answers.
    """

    def __init__(self, server: Server) -> None:
        self.server = server
        self.keeps({"access_token": token_with(scp=READ)})

    def keeps(self, auth_state: Any, *, user: str = "alice", scopes: tuple[str, ...] = (SCOPE,)) -> None:
        """Keep this of a user."""
        self.server.routes["/hub/api/user"] = as_json({"name": user, "scopes": scopes, "auth_state": None})
        self.server.routes[f"/hub/api/users/{user}"] = as_json({"name": user, "auth_state": auth_state})

    def answers(self, reply: Reply) -> None:
        """Answer this."""
        self.server.routes["/hub/api/user"] = reply


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """A hub that keeps a token of alice, in whose server this is."""
    with serving() as server:
        monkeypatch.setenv("JUPYTERHUB_API_URL", f"{server.origin}/hub/api")
        monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "the-token-of-this-server")
        yield FakeHub(server)


def test_a_token(hub: FakeHub, profile: Any) -> None:
    """The hub is asked with this server's own token, and its word is taken for who somebody is."""
    profile("hub")
    account = nbauth.login("lab")
    assert (account.source, account.username) == ("hub", "alice@contoso.example")
    assert [seen.headers["authorization"] for seen in hub.server.seen] == ["token the-token-of-this-server"] * 2


def test_no_hub(profile: Any) -> None:
    """Where no hub has started this kernel, that is said."""
    profile("hub")
    with pytest.raises(SignInRequired, match="hub: there is no JupyterHub here"):
        nbauth.login("lab")


def test_the_order(hub: FakeHub, az: Any, profile: Any) -> None:
    """Of a list the first that has a sign-in is taken, and it is said why the one before has none."""
    az.gives(token_with())
    hub.keeps(None)
    profile(["hub", "az"])
    account = nbauth.login("lab")
    assert (account.source, account.passed_over) == ("az", ("hub: it keeps no auth_state of alice",))


@pytest.mark.parametrize(
    ("keeps", "scopes", "reason"),
    [
        (None, ("read:users!user=alice",), "lacks the scope admin:auth_state!user"),
        (None, (SCOPE,), "it keeps no auth_state of alice"),
        ({"cilogon_user": {}}, (SCOPE,), "the auth_state of alice has no access_token"),
    ],
)
def test_what_an_administrator_has_to_set(keeps: Any, scopes: Any, reason: str, hub: FakeHub, profile: Any) -> None:
    """Whatever of the hub's configuration is missing is named, with where to read on."""
    hub.keeps(keeps, scopes=scopes)
    profile("hub")
    with pytest.raises(SignInRequired, match=reason) as raised:
        nbauth.login("lab")
    assert "docs/already-signed-in.md" in str(raised.value)


@pytest.mark.parametrize(
    ("reply", "kind", "words"),
    [
        (Reply(status=403), SignInRequired, "refuses this server's token"),
        (Reply(status=500), ProviderUnavailable, "answered HTTP 500 without the document"),
        (Reply(b"[]"), ProviderUnavailable, "answered HTTP 200 without the document"),
        (as_json({"name": "alice", "scopes": 5}), SignInRequired, "lacks the scope admin:auth_state"),
        (as_json({"name": "a\ud800", "scopes": [SCOPE]}), SignInRequired, "refuses this server's token"),
        (Reply(b"{"), ProviderUnavailable, "answered HTTP 200 without the document"),
        (Reply(b"{" + b" " * 2_000_000 + b"}"), ProviderUnavailable, "without the document"),
        (Reply(reset=True), ProviderUnavailable, "does not answer"),
    ],
)
def test_answers_that_are_none(reply: Reply, kind: type[Exception], words: str, hub: FakeHub, profile: Any) -> None:
    """What is no answer of a hub's is an error in one line, without this server's token in it."""
    hub.answers(reply)
    profile("hub")
    with pytest.raises(kind, match=words) as raised:
        nbauth.login("lab")
    assert "the-token-of-this-server" not in str(raised.value)


def test_a_redirect(hub: FakeHub, profile: Any) -> None:
    """This server's token goes to the hub's API and nowhere else, wherever that leads."""
    with serving() as elsewhere:
        hub.answers(redirect(f"{elsewhere.origin}/user"))
        profile("hub")
        with pytest.raises(ProviderUnavailable, match="answered HTTP 302"):
            nbauth.login("lab")
        assert elsewhere.seen == []


@pytest.mark.parametrize("name", ["JUPYTERHUB_API_URL", "JUPYTERHUB_API_TOKEN", "JUPYTERHUB_SSL_CLIENT_CA"])
def test_a_dotenv(name: str, hub: FakeHub, profile: Any, apart: Path) -> None:
    """Where a .env of the notebook's folder says where the hub is, or whom to trust as it, nothing is sent there."""
    (apart / ".env").write_text(f"{name}=of-the-folder\n")
    profile("hub")
    with pytest.raises(SignInFailed, match=rf"a \.env of the notebook's folder has a line for {name}"):
        nbauth.login("lab")
    assert hub.server.seen == []


def test_a_cloned_folder(hub: FakeHub, apart: Path) -> None:
    """A configuration that came with a folder gets no token of the hub's until a person approves."""
    (apart / "nbauth.toml").write_text(
        '[profiles.lab]\nsource = "hub"\n[profiles.lab.apis]\n"https://evil.example" = ["read"]\n'
    )
    with pytest.raises(
        ApprovalRequired, match=r"takes your sign-in of hub and sends its tokens to https://evil.example"
    ):
        nbauth.read("https://evil.example/rows")
    assert hub.server.seen == []


@pytest.mark.parametrize(
    ("claims", "problem"),
    [
        ({"aud": "https://graph.microsoft.com"}, "gave a token for 'https://graph.microsoft.com'"),
        ({"aud": "33333333-2222-4333-8444-555555555555"}, "gave a token for '33333333"),
        ({"scp": "Other.Read"}, "gave a token without the scopes api://nbauth-demo/Data.Read"),
    ],
)
def test_tokens_for_something_else(claims: Any, problem: str, hub: FakeHub, profile: Any) -> None:
    """A token for another API, or without the row's scopes, is not sent, and the error says what helps."""
    hub.keeps({"access_token": token_with(**claims)})
    profile("hub")
    with pytest.raises(SignInFailed, match=problem) as raised:
        nbauth.login("lab")
    assert "add the scopes to the authenticator's scope" in str(raised.value)


def test_a_token_that_has_ended(hub: FakeHub, profile: Any) -> None:
    """A token that the hub has not renewed is not sent; the error says when the hub looks again."""
    hub.keeps({"access_token": token_with(exp=int(time.time()) - 5)})
    profile("hub")
    with pytest.raises(ProviderUnavailable, match="has ended, and the hub has not renewed it"):
        nbauth.login("lab")


def test_a_token_that_cannot_be_read(hub: FakeHub, profile: Any) -> None:
    """A token that is no JWT is taken for as long as a minute, and the person is whom the hub knows."""
    hub.keeps({"access_token": "opaque-and-long-enough", "oauth_user": {"email": "alice@lab.example", "name": "Alice"}})
    profile("hub")
    account = nbauth.login("lab")
    assert (account.username, account.name) == ("alice@lab.example", "Alice")
    assert account.expires_at.timestamp() - time.time() < 61


def test_another_user(hub: FakeHub, profile: Any) -> None:
    """When the hub has somebody else, a running kernel goes on as nobody until the next `login`."""
    made = profile("hub")
    nbauth.login("lab")
    credential = kernel.credential_of(made, made.login_scopes)
    rejected = credential.token(made.login_scopes)
    hub.keeps({"access_token": token_with(oid="of-bob", upn="bob@contoso.example", scp=READ)}, user="bob")
    with pytest.raises(SignInRequired, match=r"is now signed in as bob@contoso.example"):
        credential.token(made.login_scopes, rejected=rejected)


def test_on_behalf_of(
    hub: FakeHub, demo: DemoServer, profile: Any, token_of: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At Entra a token for the hub's own application is exchanged for another API's, as the same person."""
    hub.keeps({"access_token": token_of("alice")})
    monkeypatch.setenv("SECRET_OF_HUB", demo.middle_tier_secret)
    made = profile(
        "hub",
        apis={
            demo.api_origin: ["api://nbauth-demo/Data.Read"],
            "https://x.example": [f"{ARCHIVE_IDENTIFIER}/.default"],
        },
        client_id=demo.middle_tier_client_id,
        client_secret={"env": "SECRET_OF_HUB"},
        authority=demo.authority,
        ca_bundle=demo.ca_file,
    )
    assert nbauth.login("lab").username == "alice@contoso.example"
    credential = kernel.credential_of(made, made.login_scopes)
    claims = read_claims(credential.token((f"{ARCHIVE_IDENTIFIER}/.default",)))
    assert (claims["aud"], claims["preferred_username"]) == (ARCHIVE_IDENTIFIER, "alice@contoso.example")
    assert len(nbauth.read(f"{demo.api_url}/cities", profile="lab")) > 0


def test_a_refused_exchange(hub: FakeHub, demo: DemoServer, profile: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """An exchange that the provider refuses is its error, and no token is sent."""
    hub.keeps({"access_token": token_with(iss="https://elsewhere")})
    monkeypatch.setenv("SECRET_OF_HUB", demo.middle_tier_secret)
    profile(
        "hub",
        apis={"https://x.example": [f"{ARCHIVE_IDENTIFIER}/.default"]},
        client_id=demo.middle_tier_client_id,
        client_secret={"env": "SECRET_OF_HUB"},
        authority=demo.authority,
        ca_bundle=demo.ca_file,
    )
    with pytest.raises((SignInFailed, SignInRequired), match="AADSTS50013"):
        nbauth.login("lab")
