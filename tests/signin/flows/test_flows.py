"""The contract that every flow passes, against the demo provider."""

from __future__ import annotations

import contextlib
import json
import time
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.parse import parse_qs, urlsplit
from urllib.request import urlopen

import jwt
import pytest

import nbauth
from nbauth import kernel
from nbauth.demo.check import PersonPrompt
from nbauth.demo.person import Person
from nbauth.environment import detect
from nbauth.errors import (
    ConfigError,
    ProviderUnavailable,
    SignInCancelled,
    SignInFailed,
    SignInRefused,
    SignInRequired,
    SignInTimeout,
)
from nbauth.signin import flows
from nbauth.signin.profile import config as configuration
from nbauth.signin.profile.profile import Profile

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbauth.demo.server import DemoServer

FLOWS = ("loopback", "device_code", "paste")
each_flow = pytest.mark.parametrize("flow", FLOWS)


class Watched(PersonPrompt):
    """A person's prompt that keeps what it was told, and may do something else while it waits."""

    def __init__(self, demo: DemoServer, choose: str = "alice", *, instead: Callable[[], Any] | None = None) -> None:
        super().__init__(Person(choose, ca_file=demo.ca_file), choose)
        self.requests: list[Any] = []
        self.outcomes: list[Any] = []
        self.shown: list[str] = []
        self._instead = instead

    def begin(self, request: Any) -> None:
        self.requests.append(request)

    def show_address(self, url: str, *, opened: bool) -> None:
        self.shown.append(url)
        if self._instead is None:
            super().show_address(url, opened=opened)

    def show_code(self, user_code: str, verification_uri: str, *, expires_at: Any) -> None:
        self.shown += [user_code, verification_uri]
        if self._instead is None:
            super().show_code(user_code, verification_uri, expires_at=expires_at)

    def ask_redirect(self, url: str, *, channel: str | None = None) -> None:
        self.shown.append(url)
        if self._instead is None:
            super().ask_redirect(url, channel=channel)

    def wait(self, timeout_s: float) -> str | None:
        if self._instead is not None:
            return self._instead()
        return super().wait(timeout_s)

    def end(self, outcome: Any) -> None:
        self.outcomes.append(outcome)
        super().end(outcome)


def _raise(error: BaseException) -> Any:
    raise error


@each_flow
def test_signs_in(flow: str, demo: DemoServer) -> None:
    """A person signs in; the account is who they chose to be, and the token is good for the API's scopes."""
    prompt = Watched(demo, "bob")
    account = nbauth.login("demo", flow=flow, prompt=prompt, timeout_s=20)
    assert (account.username, account.profile, account.kind) == ("bob@contoso.example", "demo", "person")
    assert account.tenant_id == "11111111-2222-4333-8444-555555555555"
    assert kernel.accounts() == [account]
    profile = kernel.config().profiles["demo"]
    token = kernel.credential_of(profile, profile.login_scopes).token(profile.login_scopes)
    claims = jwt.decode(token, options={"verify_signature": False})
    assert set(claims["scp"].split()) == {"Data.Read", "Profile.Read"}
    assert prompt.outcomes == [account]


@each_flow
def test_says_who_asks(flow: str, demo: DemoServer) -> None:
    """Before anything is shown, the prompt learns who asks and where the tokens may go."""
    prompt = Watched(demo)
    nbauth.login("demo", flow=flow, prompt=prompt, timeout_s=20)
    (request,) = prompt.requests
    assert (request.profile, request.flow, request.client_id) == ("demo", flow, demo.client_id)
    assert request.authority_host == demo.authority.split("/")[2]
    assert request.origins == (demo.api_url.removesuffix("/v1.0"),)


@each_flow
def test_refused_at_the_provider(flow: str, demo: DemoServer) -> None:
    """Saying no on the provider's page ends it as refused, with the provider's number."""
    prompt = Watched(demo, "cancel")
    with pytest.raises(SignInRefused, match=r'AADSTS65004.*nbauth\.login\("demo"\)') as caught:
        nbauth.login("demo", flow=flow, prompt=prompt, timeout_s=20)
    assert caught.value.code == "AADSTS65004"
    assert prompt.outcomes == [caught.value]
    assert kernel.accounts() == []


@each_flow
def test_cancelled_at_the_prompt(flow: str, demo: DemoServer) -> None:
    """Cancel at the prompt ends it as cancelled, and nothing stays behind."""
    prompt = Watched(demo, instead=lambda: _raise(SignInCancelled("Cancelled.")))
    with pytest.raises(SignInCancelled) as caught:
        nbauth.login("demo", flow=flow, prompt=prompt)
    assert prompt.outcomes == [caught.value]
    assert kernel.accounts() == []


@each_flow
def test_interrupted_while_it_waits(flow: str, demo: DemoServer) -> None:
    """An interrupt while it waits ends it as cancelled, in one line without the interrupt's own traceback."""
    prompt = Watched(demo, instead=lambda: _raise(KeyboardInterrupt()))
    with pytest.raises(SignInCancelled, match="interrupted") as caught:
        nbauth.login("demo", flow=flow, prompt=prompt)
    assert caught.value.__suppress_context__
    assert prompt.outcomes == [caught.value]


@each_flow
def test_nobody_finishes(flow: str, demo: DemoServer) -> None:
    """A sign-in that nobody finishes ends when its time is over, and says why that may be and how to give it longer."""
    prompt = Watched(demo, instead=lambda: time.sleep(0.05))
    started = time.monotonic()
    with pytest.raises(SignInTimeout, match=r"within 0 s.*\(timeout_s gives it longer\)") as caught:
        nbauth.login("demo", flow=flow, prompt=prompt, timeout_s=0.3)
    assert time.monotonic() - started < 30  # a busy machine, and not the default of minutes
    assert isinstance(caught.value, TimeoutError)
    page = 'refuses the code, run: nbauth.login("demo", flow="paste")' if flow == "device_code" else "shows an error"
    assert page in str(caught.value)
    assert "nbauth explain ERROR says" in str(caught.value)
    if flow != "device_code":
        assert f"client_id {demo.client_id} in {demo.config_path}, and that http://localhost is" in str(caught.value)


class _Told(Watched):
    """Keeps what it is told besides, and has a browser come back as a test says."""

    def __init__(self, demo: DemoServer, *queries: str, finishes: bool = True) -> None:
        super().__init__(demo)
        self._finishes = finishes
        self.told: list[str] = []
        self._queries = list(queries)

    def show_address(self, url: str, *, opened: bool) -> None:
        redirect_uri = parse_qs(urlsplit(url).query)["redirect_uri"][0]
        for query in self._queries:
            with contextlib.suppress(HTTPError):
                urlopen(f"{redirect_uri}/?{query}", timeout=10)
        self._queries = []
        if self._finishes:
            super().show_address(url, opened=opened)

    def ask_redirect(self, url: str, *, channel: str | None = None) -> None:
        self.shown.append(url)
        if not self._queries:
            super().ask_redirect(url, channel=channel)

    def wait(self, timeout_s: float) -> str | None:
        if self._queries and len(self.shown):
            return f"http://localhost/?{self._queries.pop(0)}"
        return super().wait(timeout_s)

    def tell(self, text: str) -> None:
        self.told.append(text)


_STRAY = "error=unauthorized_client&error_description=Client+not+allowed"
_TOLD = "The error unauthorized_client: Client not allowed came back without this sign-in's state, and was not taken."


def test_an_error_without_its_state(demo: DemoServer) -> None:
    """An error that comes to the listener without the state is not taken, but told; the sign-in goes on."""
    prompt = _Told(demo, _STRAY, f"{_STRAY}&state=other", "code=c")
    assert nbauth.login("demo", flow="loopback", prompt=prompt, timeout_s=20).username == "alice@contoso.example"
    assert prompt.told[0].startswith(f"{_TOLD} ")  # and what that means
    assert "with another state than this sign-in's" in prompt.told[1]
    assert prompt.told[2] == "A code came back without this sign-in's state, and was not taken."


def test_an_error_of_another_sign_in_is_pasted(demo: DemoServer) -> None:
    """A pasted error with another state is not taken, but told; the address is asked for again."""
    prompt = _Told(demo, f"{_STRAY}&state=other")
    assert nbauth.login("demo", flow="paste", prompt=prompt, timeout_s=20).username == "alice@contoso.example"
    (told,) = prompt.told
    assert "Client not allowed came back with another state than this sign-in's" in told


_UNKNOWN = "nbauth does not know this error. Perhaps it helps to check client_id"
_SAID = [
    ("AADSTS50011", "AADSTS50011"),
    ("50011", "AADSTS50011"),
    ("AADSTS50011: The redirect URI 'http://localhost:1' specified in the request does not match", "AADSTS50011"),
    ("Sorry, but we're having trouble signing you in.\nAADSTS700016: Application x was not found", "AADSTS700016"),
    ("The parrot is dead", _UNKNOWN),
]


@each_flow
@pytest.mark.parametrize(("said", "meaning"), _SAID)
def test_an_error_on_the_page(flow: str, said: str, meaning: str, demo: DemoServer) -> None:
    """A person who sees an error on the provider's page says so while it waits, is told more, and may go on."""

    class Sees(_Told):
        saw = False

        def wait(self, timeout_s: float) -> str | None:
            if self.saw:
                return super().wait(timeout_s)
            self.saw = True
            return said

    prompt = Sees(demo)
    assert nbauth.login("demo", flow=flow, prompt=prompt, timeout_s=20).username == "alice@contoso.example"
    (told,) = prompt.told
    assert meaning in told


def test_an_error_without_its_state_at_the_timeout(demo: DemoServer) -> None:
    """What came back without the state stands in the timeout's message, and of many like it only a few."""
    queries = [*(f"error=e{number}" for number in range(8)), f"error=e0&error_description={'x' * 5000}"]
    prompt = _Told(demo, *queries, finishes=False)
    with pytest.raises(SignInTimeout) as caught:
        nbauth.login("demo", flow="loopback", prompt=prompt, timeout_s=1)
    assert "Meanwhile the error e0 came back without this sign-in's state, and was not taken. Mean" in str(caught.value)
    assert str(caught.value).count("Meanwhile") == 3


@each_flow
def test_an_error_from_the_token_endpoint(flow: str, demo: DemoServer) -> None:
    """An error of the token endpoint is a failure that carries its code; a code is never shown."""
    body = '{"error": "invalid_grant", "error_description": "AADSTS70008: The code has expired. Trace ID: 1"}'
    demo.provider.faults.add("*/token", status=400, body=body)
    with pytest.raises(SignInFailed, match="AADSTS70008") as caught:
        nbauth.login("demo", flow=flow, prompt=Watched(demo), timeout_s=20)
    assert (caught.value.error, caught.value.code) == ("invalid_grant", "AADSTS70008")
    assert "Trace ID" not in str(caught.value)
    assert kernel.accounts() == []


@pytest.mark.parametrize("flow", ["loopback", "paste"])
@pytest.mark.parametrize("fault", [{"reset": True}, {"html": True}, {"status": 503}, {"truncate_at": 50}])
def test_the_token_endpoint_is_out_of_order(flow: str, fault: dict[str, Any], demo: DemoServer) -> None:
    """A token endpoint that is down, or answers garbage, is said to be unavailable; nothing is kept."""
    demo.provider.faults.add("*/token", **fault)
    with pytest.raises(ProviderUnavailable, match="Profile 'demo'") as caught:
        nbauth.login("demo", flow=flow, prompt=Watched(demo), timeout_s=20)
    assert not any(secret in str(caught.value) for secret in demo.provider.issued_secrets)
    assert kernel.accounts() == []


@pytest.mark.parametrize("fault", [{"reset": True}, {"status": 503}])
def test_a_device_code_survives_a_hiccup(fault: dict[str, Any], demo: DemoServer) -> None:
    """One reset or 503 while polling does not lose what the person is typing."""
    demo.provider.faults.add("*/token", **fault, headers={"Retry-After": "1"} if "status" in fault else None)
    account = nbauth.login("demo", flow="device_code", prompt=Watched(demo), timeout_s=30)
    assert account.username == "alice@contoso.example"


def test_a_device_code_expires(demo: DemoServer) -> None:
    """A code that nobody types in time ends as a timeout that says so."""
    demo.provider.settings.device_code_s = 1
    with pytest.raises(SignInTimeout, match="code expired"):
        nbauth.login("demo", flow="device_code", prompt=Watched(demo, instead=lambda: time.sleep(0.1)), timeout_s=30)


@pytest.mark.parametrize("nothing", [None, ""], ids=repr)
def test_a_device_answer_with_members_that_say_nothing(demo: DemoServer, nothing: str | None) -> None:
    """A device code whose times, message and further address are null or empty is shown, and asked for as usual."""
    page = f"{demo.provider.page_origin}/device"
    body = {"device_code": "d", "user_code": "ABC", "verification_uri": page, "interval": 0}
    optional = dict.fromkeys(("verification_uri_complete", "expires_in", "message", "error"), nothing)
    demo.provider.faults.add("*/devicecode", status=200, body=json.dumps(body | optional))
    demo.provider.faults.add("*/token", status=400, body='{"error": "access_denied"}')
    with pytest.raises(SignInRefused):
        nbauth.login("demo", flow="device_code", prompt=Watched(demo, instead=lambda: None), timeout_s=30)


def test_a_device_page_on_another_host_is_not_shown(demo: DemoServer) -> None:
    """A verification address on a host that is not the provider's is refused before the person sees it."""
    body = (
        '{"device_code": "d", "user_code": "ABC", "verification_uri": "https://evil.example/device",'
        ' "expires_in": 900, "interval": 5}'
    )
    demo.provider.faults.add("*/devicecode", status=200, body=body)
    prompt = Watched(demo)
    with pytest.raises(ProviderUnavailable, match=r"evil\.example.*endpoint_hosts"):
        nbauth.login("demo", flow="device_code", prompt=prompt)
    assert prompt.shown == []


def test_a_wrong_address_is_asked_for_again(demo: DemoServer) -> None:
    """A pasted address of another sign-in is not redeemed, and the sign-in is not lost by it."""

    class Clumsy(Watched):
        tries = 0

        def wait(self, timeout_s: float) -> str | None:
            pasted = super().wait(timeout_s)
            if pasted is not None and not self.tries:
                self.tries += 1
                return "http://localhost/?code=stolen&state=other"
            return pasted

    prompt = Clumsy(demo)
    assert nbauth.login("demo", flow="paste", prompt=prompt, timeout_s=20).username == "alice@contoso.example"
    assert len(prompt.shown) == 2


@pytest.mark.parametrize(
    "wrong",
    [lambda url: url, lambda url: url.partition("?")[2], lambda url: f"http://localhost/?{urlsplit(url).query}"],
)
def test_the_address_that_was_shown_is_no_answer(wrong: Callable[[str], str], demo: DemoServer) -> None:
    """Somebody who pastes the address that they were shown, which has the state, is asked again."""

    class Hasty(Watched):
        def wait(self, timeout_s: float) -> str | None:
            pasted = super().wait(timeout_s)
            return wrong(self.shown[0]) if pasted is not None and len(self.shown) == 1 else pasted

    prompt = Hasty(demo)
    assert nbauth.login("demo", flow="paste", prompt=prompt, timeout_s=20).username == "alice@contoso.example"
    assert len(prompt.shown) == 2


def test_a_refusal_without_state(demo: DemoServer) -> None:
    """A pasted refusal ends the sign-in, though the provider left out the state that RFC 6749 §4.1.2.1 demands."""

    class Refused(Watched):
        def wait(self, timeout_s: float) -> str | None:
            return super().wait(timeout_s) and "http://localhost/?error=access_denied&error_description=No."

    with pytest.raises(SignInRefused, match=r"the sign-in was refused.*No\)"):
        nbauth.login("demo", flow="paste", prompt=Refused(demo), timeout_s=20)


def test_somebody_else_signs_in(demo: DemoServer) -> None:
    """Somebody else signing in than was asked for is an error, and their tokens are not kept."""
    prompt = Watched(demo, "bob")
    with pytest.raises(SignInFailed, match=r"bob@contoso\.example signed in where alice@contoso\.example was asked"):
        nbauth.login("demo", flow="paste", account="alice@contoso.example", prompt=prompt, timeout_s=20)
    assert kernel.accounts() == []
    assert nbauth.client("demo").get_accounts() == []


def test_wrong_client_id(demo: DemoServer, tmp_path: Any) -> None:
    """A client id that the provider does not know fails with its number and where to mend it."""
    text = demo.config_path.read_text().replace(demo.client_id, "00000000-0000-0000-0000-000000000009")
    path = tmp_path / "nbauth.toml"
    path.write_text(text.replace('"ca.pem"', f'"{demo.ca_file}"'))
    profile = configuration.load(path).profiles["demo"]
    kernel.add_profile(profile)
    with pytest.raises(SignInFailed, match=r"AADSTS700016.*Check client_id in .*nbauth\.toml"):
        nbauth.login("demo", flow="device_code", prompt=Watched(demo))


def test_wrong_secret(demo: DemoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong client secret fails with its number, and a mended one works at once."""
    profile = kernel.config().profiles["nightly"]
    monkeypatch.setenv("NIGHTLY_SECRET", "wrong")
    kernel.add_profile(
        Profile(
            "job",
            client_id=profile.client_id,
            authority=profile.authority,
            ca_bundle=profile.ca_bundle,
            apis=profile.apis,
            client_secret={"env": "NIGHTLY_SECRET"},
        )
    )
    with pytest.raises(SignInFailed, match=r"AADSTS7000215.*Check client_id and client_secret in") as caught:
        nbauth.login("job")
    assert "wrong" not in str(caught.value)
    monkeypatch.setenv("NIGHTLY_SECRET", demo.client_secret)
    assert nbauth.login("job").kind == "application"


def test_an_application_signs_in_by_itself(demo: DemoServer) -> None:
    """A profile with a credential signs in by itself; its account is the application's."""
    account = nbauth.login("nightly")
    assert (account.kind, account.username) == ("application", demo.confidential_client_id)
    assert account.tenant_id == "11111111-2222-4333-8444-555555555555"
    with pytest.raises(ConfigError, match="flow paste is for a person"):
        nbauth.login("nightly", flow="paste")


def test_unknown_flow(demo: DemoServer) -> None:
    """An unknown flow lists those there are, before any traffic."""
    with pytest.raises(ConfigError, match="Use one of auto, loopback, callback_page, device_code, paste"):
        nbauth.login("demo", flow="telepathy")
    assert len(demo.provider.requests) == 0


@pytest.mark.parametrize("flow", ["auto", *FLOWS])
def test_nobody_may_be_asked(flow: str, demo: DemoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """With NBAUTH_NONINTERACTIVE every flow that needs a person fails at once, before any traffic."""
    monkeypatch.setenv("NBAUTH_NONINTERACTIVE", "1")
    with pytest.raises(SignInRequired, match=r"NBAUTH_NONINTERACTIVE is set.*client_secret"):
        nbauth.login("demo", flow=flow, prompt=Watched(demo))
    assert len(demo.provider.requests) == 0


def test_a_script_without_a_terminal_names_a_flow(demo: DemoServer) -> None:
    """Where there is no terminal, auto fails at once and says that a script may name a flow."""
    with pytest.raises(SignInRequired, match=r"there is no terminal.*flow='device_code'"):
        nbauth.login("demo")
    assert len(demo.provider.requests) == 0


def test_which_flow_auto_takes(monkeypatch: pytest.MonkeyPatch, demo: DemoServer) -> None:
    """Auto takes loopback where a browser here is the person's, else device code, else paste."""
    profile = kernel.config().profiles["demo"]
    monkeypatch.setenv("BROWSER", "firefox %s")
    local = detect()
    monkeypatch.setenv("SSH_CONNECTION", "1 2 3 4")
    remote = detect()
    assert flows.choose("auto", profile, local, device_code_offered=True) == "loopback"
    assert flows.choose("auto", profile, remote, device_code_offered=True) == "device_code"
    assert flows.choose("auto", profile, remote, device_code_offered=False) == "paste"
    assert flows.choose("paste", profile, local, device_code_offered=True) == "paste"
