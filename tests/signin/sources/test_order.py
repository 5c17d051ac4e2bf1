"""Sources in their order: what was taken is shown, what was passed over says why, and who is asked at the end."""

from __future__ import annotations

import io
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from fake_az import token_with
from fake_marimo import FakeMarimo

import nbauth
from nbauth import kernel
from nbauth.errors import ConfigError, SignInRequired
from nbauth.frontend.tables import AccountsTable

if TYPE_CHECKING:
    from collections.abc import Callable

    from fake_az import FakeAz

    from nbauth.demo.server import DemoServer


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _with_login(profile: Any, demo: DemoServer) -> nbauth.Profile:
    made: nbauth.Profile = profile(
        ["az", "login"], client_id=demo.client_id, authority=demo.authority, ca_bundle=demo.ca_file
    )
    return made


def test_the_first_load_says_it(
    az: FakeAz,
    demo: DemoServer,
    profile: Any,
    token_of: Callable[[str], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first load that uses a sign-in which was there shows where and whose, however soon it is over; once."""
    az.gives(token_of("alice"))
    profile("az")
    shown = _Terminal()
    monkeypatch.setattr(sys, "stderr", shown)
    for _ in range(2):
        nbauth.read(f"{demo.api_url}/me", profile="lab")
    assert shown.getvalue().count("Signed in to lab as Alice Adams (alice@contoso.example) by az\n") == 1


def test_whoami(az: FakeAz, profile: Any) -> None:
    """`%whoami` says by what each profile is signed in, where one is by a source."""
    az.gives(token_with())
    profile("az")
    nbauth.login("lab")
    lines = repr(AccountsTable(nbauth.accounts())).splitlines()
    assert lines[0].endswith("signed in by")
    assert lines[1].endswith("az")
    assert "<td>az</td>" in AccountsTable(nbauth.accounts())._repr_html_()


def test_login_asks_where_no_source_has_one(
    az: FakeAz, demo: DemoServer, profile: Any, person: Callable[..., Any]
) -> None:
    """A list that ends with login asks the person, and the account says what was passed over, and why."""
    _with_login(profile, demo)
    account = nbauth.login("lab", prompt=person(), timeout_s=20)
    assert (account.source, account.username) == ("", "alice@contoso.example")
    assert account.passed_over == ("az: nobody is signed in to it",)
    assert len(nbauth.read(f"{demo.api_url}/me", profile="lab")) == 1


def test_login_is_not_asked_for_where_a_source_has_one(az: FakeAz, demo: DemoServer, profile: Any) -> None:
    """A list that ends with login asks nobody where a source before it has a sign-in."""
    az.gives(token_with())
    _with_login(profile, demo)
    assert nbauth.login("lab").source == "az"


def test_a_flow_that_is_named(az: FakeAz, demo: DemoServer, profile: Any, person: Callable[..., Any]) -> None:
    """A flow that is named is tried as named: the person is asked, whatever the sources have."""
    az.gives(token_with())
    _with_login(profile, demo)
    assert nbauth.login("lab", flow="paste", prompt=person("bob"), timeout_s=20).username == "bob@contoso.example"
    assert az.calls == []


def test_nobody_can_be_asked(az: FakeAz, demo: DemoServer, profile: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no source has a sign-in and nobody can be asked, the error has the reason of each."""
    monkeypatch.setenv("NBAUTH_NONINTERACTIVE", "1")
    _with_login(profile, demo)
    with pytest.raises(SignInRequired, match=r"az: nobody is signed in to it; login: .*NBAUTH_NONINTERACTIVE"):
        nbauth.login("lab")


def test_a_load_asks_nobody(az: FakeAz, demo: DemoServer, profile: Any) -> None:
    """A load never begins to ask, also where the list ends with login."""
    _with_login(profile, demo)
    with pytest.raises(SignInRequired, match=r"az: nobody is signed in to it; login: nobody is asked") as raised:
        nbauth.read(demo.api_url, profile="lab")
    assert 'nbauth.login("lab")' in str(raised.value)


def test_threads(az: FakeAz, profile: Any) -> None:
    """Threads that begin at once take a sign-in once."""
    az.gives(token_with())
    (az.folder / "seconds").write_text("0.2")
    made = profile("az")
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: kernel.credential_of(made, made.login_scopes), range(8)))
    assert len(set(map(id, found))) == 1
    assert len(az.calls) == 1


def test_processes_that_borrow(az: FakeAz, profile: Any) -> None:
    """A sign-in of a source is lent to other processes as any other is."""
    az.gives(token_with())
    profile("az")
    (lent,) = kernel.lending("a test").add("lab")
    assert (lent.as_profile().name, lent.username) == ("lab", "alice@contoso.example")


def test_visitors(az: FakeAz, profile: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A visitor of a server is never the server's own user, whoever is signed in to az there."""
    az.gives(token_with())
    profile("az")
    marimo = FakeMarimo(monkeypatch)
    with marimo.visit("bob"), pytest.raises(SignInRequired, match="what is signed in here is marimo's own user"):
        nbauth.login("lab")
    with marimo.visit("bob"), pytest.raises(SignInRequired, match="what is signed in here is marimo's own user"):
        nbauth.session("lab")
    assert az.calls == []


def test_claims_that_no_source_meets(
    az: FakeAz, demo: DemoServer, profile: Any, token_of: Callable[[str], str], person: Callable[..., Any]
) -> None:
    """What the API asks for beyond a source's sign-in, the next `login` asks the person for, where one is asked."""
    az.gives(token_of("alice"))
    made = _with_login(profile, demo)
    assert nbauth.login("lab").source == "az"
    challenge = '{"access_token": {"acrs": {"essential": true, "value": "c1"}}}'
    with pytest.raises(SignInRequired, match=r"asks for more than az's sign-in has.*login\(\"lab\"\)") as raised:
        kernel.credential_of(made, made.login_scopes).token(made.login_scopes, claims=challenge)
    assert raised.value.claims == challenge
    account = nbauth.login("lab", prompt=person("alice"), flow="auto", timeout_s=20)
    assert not account.source


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"source": "aws"}, "source: expected hub, az, fabric, databricks"),
        ({"source": ["login", "az"]}, "'login' can only be the last"),
        ({"source": ["az", "az"]}, "names one twice"),
        ({"source": 7}, "expected a name or a list of names, found 7"),
        ({"source": "az", "managed_identity": True}, "cannot stand beside source"),
        ({"source": "az", "kind": "application"}, "takes a person's sign-in"),
        ({"source": ["az", "login"]}, "client_id"),
        ({"source": ["az", "login"], "client_id": "c"}, "nothing says where to sign in"),
    ],
)
def test_keys_that_cannot_be_meant(keys: Any, problem: str) -> None:
    """A source that there is not, or beside what it contradicts, is an error of the key."""
    with pytest.raises(ConfigError, match=problem):
        nbauth.Profile("lab", apis={"https://api.example.com": ["https://x/.default"]}, **keys)


def test_no_client_application(profile: Any) -> None:
    """A profile that only takes sign-ins has no client application, and says so before anything is looked up."""
    profile("az")
    with pytest.raises(ConfigError, match="takes the sign-in of az, and has no client application"):
        nbauth.client("lab")
