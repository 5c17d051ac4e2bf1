"""Rows of `apis` that a kernel lends to processes without a sign-in: what they get, and until when."""

from __future__ import annotations

import json
import os
import pickle
from typing import TYPE_CHECKING, Any

import fsspec
import pytest
from borrowing_worker import Worker, credential
from forked_children import in_child

import nbauth
from nbauth import kernel
from nbauth.errors import ConfigError, OriginNotAllowed, SignInRequired
from nbauth.signin.tokens.access_token import digest_of
from nbauth.signin.tokens.borrowed_source import BorrowedProfile
from nbauth.signin.tokens.token_wire import token_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from nbauth.demo.server import DemoServer
    from nbauth.signin.lending import Lending

ALICE = "alice@contoso.example"


@pytest.fixture
def alice(demo: DemoServer, person: Callable[..., Any]) -> DemoServer:
    """Alice, signed in here."""
    nbauth.login("demo", flow="paste", prompt=person(), timeout_s=20)
    demo.provider.requests.clear()
    return demo


@pytest.fixture
def ended() -> list[tuple[str, ...]]:
    """Return which loans ended, in their order."""
    return []


@pytest.fixture
def lending(alice: DemoServer, ended: list[tuple[str, ...]]) -> Lending:
    """Return what lends Alice's rows."""
    lending = kernel.lending("workers", on_end=ended.append)
    lending.add()
    return lending


@pytest.fixture
def worker(lending: Lending) -> Iterator[Worker]:
    """Return a worker that borrows them."""
    with Worker(lending) as worker:
        yield worker


def _rows(url: str) -> int:
    return len(nbauth.read(url))


def _me(url: str) -> str:
    with nbauth.session() as session:
        return str(session.get(url).json()["displayName"])


def _file(url: str) -> int:
    with fsspec.open(f"nbauth+{url}") as file:
        return len(json.load(file))


def _accounts() -> list[Any]:
    kept = kernel._state.connections
    return [account.username for account in nbauth.accounts()] + ([] if kept is None else ["connections"])


def _token(rejected: str | None = None, claims: str | None = None) -> str:
    found, scopes = credential()
    return str(found.token(scopes, rejected=rejected, claims=claims))


def _forked() -> list[str]:
    before = _token()
    return in_child(lambda: [before, _token(), _token(before)])  # type: ignore[no-any-return]


def test_as_if_signed_in(worker: Worker, alice: DemoServer) -> None:
    """In a worker reading, sessions and filesystems work as in the kernel: one question, and no request for a token."""
    assert worker.do(_rows, f"{alice.api_url}/cities") == 10
    assert worker.do(_me, f"{alice.api_url}/me") == "Alice Adams"
    assert worker.do(_file, f"{alice.api_url}/cities") == 4
    assert worker.do(_accounts) == [ALICE]
    assert (len(worker.requests), alice.provider.requests.count("*/token")) == (1, 0)


def test_another_token(lending: Lending, alice: DemoServer) -> None:
    """A token that an API refused is replaced once, however many workers had it; its text stays where it is."""
    with Worker(lending) as first, Worker(lending) as second:
        old = first.do(_token)
        assert old == second.do(_token) == _token()
        new = first.do(_token, old)
        assert new == second.do(_token, old) != old
        assert old not in repr(first.requests)
    assert alice.provider.requests.count("*/token") == 1


def test_claims(worker: Worker, alice: DemoServer) -> None:
    """A claims challenge in a worker is met by the kernel, or else by the person, whom its next login asks."""
    alice.api.bearer.demanded = {"access_token": {"acrs": {"essential": True, "value": "c1"}}}
    try:
        assert worker.do(_rows, f"{alice.api_url}/cities") == 10
        alice.provider.settings.claims_need_person = True
        with pytest.raises(SignInRequired, match=r"nbauth\.login") as caught:
            worker.do(_token, None, json.dumps({"access_token": {"acrs": {"essential": True, "value": "c2"}}}))
        assert "c2" in (caught.value.claims or "")
        assert "c2" in (credential()[0].unmet_claims or "")
    finally:
        alice.api.bearer.demanded = {}


def _ask(lending: Lending, **other: Any) -> str:
    scopes = kernel.config().profiles["demo"].login_scopes
    (loan,) = [loan for loan in lending.profiles if loan.profile == "demo"] or [None]
    account = "" if loan is None else loan.account
    request = {
        "profile": "demo",
        "account": account,
        "scopes": scopes,
        "rejected_digest": None,
        "claims": None,
        "life_s": 0.0,
    }
    token = token_of(lending.reply_to({**request, **other}), asked_at=0.0)
    return "" if token is None else token.secret.reveal()


@pytest.mark.parametrize(
    ("other", "error", "says"),
    [
        ({"profile": "nightly"}, SignInRequired, "Profile 'nightly': the kernel shares no sign-in to it"),
        ({"account": "somebody-else"}, SignInRequired, "Profile 'demo': the kernel shares no sign-in to it"),
        ({"scopes": ["api://nbauth-demo/Data.Read"]}, OriginNotAllowed, "no row of apis that is shared"),
        ({"scopes": ["https://graph.microsoft.com/.default"]}, OriginNotAllowed, "no row of apis that is shared"),
    ],
    ids=["profile", "account", "part", "resource"],
)
def test_what_is_not_lent(lending: Lending, other: dict[str, Any], error: type[Exception], says: str) -> None:
    """Another profile, account or set of scopes than a row's is refused, whoever asks."""
    assert _ask(lending)
    with pytest.raises(error, match=says):
        _ask(lending, **other)


@pytest.mark.parametrize("other", [{"profile": 1}, {"profile": []}, {"scopes": 5}, {"scopes": [[]]}, {"claims": {}}])
def test_no_request(lending: Lending, other: dict[str, Any]) -> None:
    """What is no request gets no token, and breaks nothing."""
    if other != {"claims": {}}:
        assert _ask(lending, **other) == ""
    assert lending.reply_to({}) == {}


def test_a_row_that_was_taken_out(lending: Lending, apart: Any) -> None:
    """A row that is no longer in the profile is not lent any more."""
    before = kernel.config().profiles["demo"]
    kernel.add_profile(
        nbauth.Profile("demo", client_id=before.client_id, authority=before.authority, apis={"https://other": ["a"]})
    )
    with pytest.raises(OriginNotAllowed, match="no row of apis"):
        _ask(lending, scopes=before.login_scopes)


def test_a_sign_out(worker: Worker, lending: Lending, ended: list[tuple[str, ...]], alice: DemoServer) -> None:
    """A sign-out ends the loan in the kernel at once, and in a worker as soon as it is told."""
    assert worker.do(_rows, f"{alice.api_url}/cities") == 10
    nbauth.logout("demo")
    assert (ended, lending.profiles) == ([("demo",)], ())
    with pytest.raises(SignInRequired, match="shares no sign-in to it here, or no longer"):
        worker.do(_token, worker.do(_token))
    worker.end("demo")
    with pytest.raises(SignInRequired, match=r'no longer shares.*In the kernel: nbauth.login\("demo"\)'):
        worker.do(_rows, f"{alice.api_url}/cities")


def test_another_account(lending: Lending, ended: list[tuple[str, ...]], person: Callable[..., Any]) -> None:
    """When somebody else signs in, nothing of theirs goes to workers that were lent the first one's rows."""
    account = lending.profiles[0].account
    nbauth.login("demo", flow="paste", prompt=person("bob"), account="bob@contoso.example", timeout_s=20)
    assert ended == [("demo",)]
    with pytest.raises(SignInRequired, match="shares no sign-in"):
        _ask(lending, account=account)
    assert lending.add("demo")[0].username == "bob@contoso.example"


def test_two_profiles(demo: DemoServer, ended: list[tuple[str, ...]], person: Callable[..., Any]) -> None:
    """Several profiles are lent together; which one is the default goes along, and the end of one ends no other."""
    nbauth.login("demo", flow="paste", prompt=person(), timeout_s=20)
    nbauth.login("nightly")
    lending = kernel.lending("workers", on_end=ended.append)
    assert [loan.profile for loan in lending.add()] == ["demo", "nightly"]
    with Worker(lending) as worker:
        assert worker.do(_me, f"{demo.api_url}/me") == "Alice Adams"
        nbauth.logout("demo")
        worker.end("demo")
        assert ended == [("demo",)]
        found = worker.do(_job, f"{demo.api_url}/cities")
        assert found == [200, [demo.confidential_client_id], "application"]


def _job(url: str) -> list[Any]:
    with nbauth.session("nightly") as session:
        (account,) = nbauth.accounts()
        return [session.get(url).status_code, [account.username], account.kind]


def test_nobody_to_lend(demo: DemoServer) -> None:
    """Where nobody is signed in there is nothing to lend, and an unknown profile is an error."""
    with pytest.raises(SignInRequired, match="Nobody is signed in to profile 'demo'"):
        kernel.lending("workers").add()
    with pytest.raises(ConfigError, match="no profile 'nope'"):
        kernel.lending("workers").add("nope")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this platform")
def test_a_fork_of_a_worker(worker: Worker, alice: DemoServer) -> None:
    """What a worker forks asks the worker, which asks the kernel."""
    before, mine, fresh = worker.do(_forked)
    assert before == mine != fresh == _token()
    assert alice.provider.requests.count("*/token") == 1


def test_nothing_secret(lending: Lending, alice: DemoServer) -> None:
    """What a worker is told holds no secret, and comes through JSON as it was."""
    (loan,) = lending.profiles
    told = json.dumps(loan.to_json())
    assert BorrowedProfile.from_json(json.loads(told)) == loan
    assert _token() not in told
    assert digest_of(_token()) not in told
    with pytest.raises(TypeError):
        pickle.dumps(lending)


def test_no_authorities(lending: Lending) -> None:
    """Where the file of a profile's authorities is not on the worker's machine, the error names it."""
    loan = BorrowedProfile.from_json({**lending.profiles[0].to_json(), "ca_bundle": "/nowhere/ca.pem"})
    with pytest.raises(ConfigError, match=r"there is no file /nowhere/ca\.pem"):
        loan.as_profile()
