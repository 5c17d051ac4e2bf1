"""Row: what every adapter gets its tokens from."""

from __future__ import annotations

import gc
import pickle
from typing import TYPE_CHECKING, Any

import pytest

import nbauth
from nbauth import kernel
from nbauth.adapters.row import Row
from nbauth.authorizer import KernelAuthorizer, session_of
from nbauth.errors import ConfigError, OriginNotAllowed, SignInRequired

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbauth.demo.server import DemoServer


@pytest.fixture
def sign_in(demo: DemoServer, person: Any) -> Callable[[str], nbauth.Account]:
    """Return what signs somebody in to the demo's profile."""

    def login(who: str) -> nbauth.Account:
        return nbauth.login("demo", flow="paste", prompt=person(who), timeout_s=20, select_account=True)

    return login


def _row(demo: DemoServer, **options: Any) -> Row:
    return Row(f"{demo.api_url}/sunlight", "demo", tool="test", **options)


def test_gives_its_own_token(demo: DemoServer, sign_in: Callable[[str], nbauth.Account]) -> None:
    """The token is that of the row's scopes; the same one as a session's, with its times."""
    sign_in("alice")
    row = _row(demo)
    token = row.access_token()
    profile = kernel.config().profiles["demo"]
    assert (row.profile, row.origin) == ("demo", demo.api_origin)
    assert row.scopes == profile.scopes_for(demo.api_url)
    assert token.secret.reveal() == kernel.credential_of(profile, row.scopes).token(row.scopes)
    assert token.secret.reveal() not in f"{row!r} {token!r}"


def test_before_the_sign_in(demo: DemoServer, sign_in: Callable[[str], nbauth.Account]) -> None:
    """It may be made before: it raises without a request until somebody is there, and stays with them."""
    row = _row(demo)
    with pytest.raises(SignInRequired):
        row.access_token()
    assert len(demo.provider.requests) == 0
    sign_in("alice")
    assert row.access_token().secret
    sign_in("bob")
    with pytest.raises(SignInRequired, match=r"<test for .*> was made for another sign-in.* Make it again"):
        row.access_token()


def test_another_person(demo: DemoServer, sign_in: Callable[[str], nbauth.Account]) -> None:
    """What was made for one person is good for nobody else, though it gave no token yet."""
    sign_in("alice")
    row = _row(demo)
    sign_in("bob")
    with pytest.raises(SignInRequired):
        row.access_token()
    sign_in("alice")
    assert row.access_token().secret


def test_a_sign_out(demo: DemoServer, sign_in: Callable[[str], nbauth.Account]) -> None:
    """A sign-out ends it at once."""
    sign_in("alice")
    row = _row(demo)
    row.access_token()
    nbauth.logout("demo")
    with pytest.raises(SignInRequired):
        row.access_token()


def test_whether_the_sign_in_is_there(demo: DemoServer, sign_in: Callable[[str], nbauth.Account]) -> None:
    """A tool that goes on with an earlier token can ask whether its sign-in still holds; the provider is not asked."""
    sign_in("alice")
    row = _row(demo)
    row.access_token()
    demo.provider.requests.clear()
    row.check_sign_in()
    assert len(demo.provider.requests) == 0
    sign_in("bob")
    with pytest.raises(SignInRequired, match=r"<test for .*> was made for another sign-in"):
        row.check_sign_in()
    nbauth.logout("demo")
    with pytest.raises(SignInRequired):
        row.check_sign_in()


def test_an_origin_that_is_not_listed(demo: DemoServer) -> None:
    """No row is made for an origin that no profile names."""
    with pytest.raises(OriginNotAllowed, match=r'"https://elsewhere\.example" = \["SCOPE"\]'):
        Row("https://elsewhere.example/x", tool="test")


def test_life(demo: DemoServer, sign_in: Callable[[str], nbauth.Account]) -> None:
    """A token that has less left than a tool needs is renewed first; another tool still takes it."""
    demo.provider.settings.access_token_s = 60
    sign_in("alice")
    first = _row(demo).access_token()
    assert _row(demo, life_s=30).access_token().secret == first.secret
    demo.provider.settings.access_token_s = 3600
    longer = _row(demo, life_s=90).access_token()
    assert longer.secret != first.secret
    assert longer.is_good(3000)


@pytest.mark.parametrize(
    ("asked", "is_its"),
    [
        ("api://nbauth-demo/.default", True),
        ("api://nbauth-demo//.default", True),
        ("API://nbauth-demo/Anything", True),
        ("offline_access", True),
        ("https://graph.microsoft.com/.default", False),
        ("User.Read", False),
        ("api://nbauth-demo-archive/.default", False),
        ("api://nbauth-demo.evil.example/.default", False),
    ],
)
def test_scopes_of_another_resource(demo: DemoServer, asked: str, *, is_its: bool) -> None:
    """A tool that asks for a token of another resource, as a hostile server told it to, gets an error."""
    row = _row(demo)
    if is_its:
        row.check_scopes((asked,))
        return
    with pytest.raises(OriginNotAllowed, match=r"was asked for a token of"):
        row.check_scopes((asked,))


def test_another_tenant(demo: DemoServer, sign_in: Callable[[str], nbauth.Account]) -> None:
    """A tool may name the sign-in's own tenant, and no other one."""
    account = sign_in("alice")
    row = _row(demo)
    row.check_tenant(None)
    row.check_tenant(account.tenant_id.upper())
    with pytest.raises(OriginNotAllowed, match=r"nbauth\.login\(\"demo\", tenant=\"other\.example\"\)"):
        row.check_tenant("other.example")


def test_is_noted(demo: DemoServer) -> None:
    """The kernel knows what is lent, as long as somebody holds it."""
    row = _row(demo)
    assert [(loan.profile, loan.tool, loan.place) for loan in kernel.loans()] == [("demo", "test", demo.api_origin)]
    del row
    gc.collect()
    assert kernel.loans() == []


def test_is_not_pickled(demo: DemoServer) -> None:
    """It belongs to this kernel."""
    with pytest.raises(TypeError, match=r"<test for http.*> belongs to this kernel's sign-in"):
        pickle.dumps(_row(demo))


def _database(url: str) -> nbauth.Profile:
    return nbauth.Profile("db", client_id="c", tenant="contoso.example", apis={url: ["api://db/.default"]})


@pytest.mark.parametrize(
    ("named", "asked"),
    [
        ("postgresql://Db.contoso.example", "postgresql://db.contoso.example:5432/sales"),
        ("mssql://db.contoso.example:1444", "mssql://db.contoso.example:1444"),
    ],
)
def test_a_database(named: str, asked: str) -> None:
    """A row may name a database; host and port are compared as those of the others."""
    nbauth.add_profile(_database(named))
    assert Row(asked, tool="test").origin == named.lower()
    for other in (f"{asked.partition(':')[0]}://db.contoso.example:1", "https://db.contoso.example"):
        with pytest.raises(OriginNotAllowed):
            Row(other, tool="test")


def test_no_request_to_a_database() -> None:
    """A row of a database sends no HTTP request there, with a token or without."""
    nbauth.add_profile(_database("postgresql://db.contoso.example"))
    session = session_of(KernelAuthorizer("db"))
    with session, pytest.raises(ConfigError, match="must start with https"):
        session.get("postgresql://db.contoso.example/x")


def test_a_database_by_another_name() -> None:
    """Other schemes, and user names in the URL, are refused as for the other rows."""
    for url in ("mysql://db.contoso.example", "postgresql://alice@db.contoso.example"):
        with pytest.raises(ConfigError, match=r"profiles\.db|apis"):
            _database(url)
