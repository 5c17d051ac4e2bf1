from __future__ import annotations

import ast
import atexit
import importlib.util
import inspect
import json
import logging
import pickle
import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

import nbauth
from nbauth import kernel
from nbauth.demo.provider.aadsts import Refusal
from nbauth.errors import (
    ConfigError,
    NbauthError,
    ProviderUnavailable,
    SignInFailed,
    SignInRefused,
    SignInRequired,
    SignInTimeout,
)
from nbauth.magics.parsers import parser_of
from nbauth.next_step import Login, to_run
from nbauth.signin.client.error_catalogue import entries, find
from nbauth.signin.client.provider_errors import raise_for_error
from nbauth.signin.profile.profile import Profile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from nbauth.demo.server import DemoServer
    from nbauth.next_step import NextStep
    from nbauth.signin.client.error_catalogue import Entry
    from nbauth.signin.tokens.credential import Credential

CODES = [(code, entry) for entry in entries() for code in entry.codes]
each_code = pytest.mark.parametrize(("code", "entry"), CODES, ids=[code for code, _ in CODES])
KINDS = {
    "sign_in_required": SignInFailed,  # of a sign-in that is going on
    "refused": SignInRefused,
    "failed": SignInFailed,
    "config": ConfigError,
    "unavailable": ProviderUnavailable,
}
SILENT_KINDS = {**KINDS, "sign_in_required": SignInRequired}
SCOPES = ("https://graph.microsoft.com/User.Read", "https://graph.microsoft.com/Files.Read.All")
TRACE, CORRELATION = "0000aaaa-11bb-cccc-dd22-eeeeee333333", "aaaa0000-bb11-2222-33cc-444444dddddd"
CLAIMS = json.dumps({"access_token": {"acrs": {"essential": True, "value": "c1"}}})
# Four rows of an old terminal: title, cause and cure of the longest entry, with GUIDs in them.
MOST_CHARACTERS = 4 * 80


@pytest.fixture
def profiles(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> tuple[Profile, Profile]:
    """A person's profile and a job's."""
    monkeypatch.setenv("NIGHTLY_SECRET", "not told")
    common: dict[str, Any] = {
        "client_id": "00001111-aaaa-2222-bbbb-3333cccc4444",
        "tenant": "contoso.onmicrosoft.com",
        "apis": {"https://api.contoso.com": ["api://contoso/Data.Read"]},
        "file": "/home/me/work/nbauth.toml",
    }
    return Profile("work", **common), Profile("nightly", **common, client_secret={"env": "NIGHTLY_SECRET"})


def _says(code: str, **further: Any) -> dict[str, Any]:
    """Return what MSAL hands on for a code of the catalogue."""
    answer: dict[str, Any] = {"error": "invalid_grant", "correlation_id": CORRELATION, "trace_id": TRACE}
    if code.startswith("AADB2C"):
        text = f"{code}: The provider's own words.\r\nCorrelation ID: {CORRELATION}\r\nTimestamp: 2026-11-27 20:00:00Z"
        answer |= {"error": "server_error", "error_description": text}
    elif code.startswith("AADSTS"):
        answer["error_codes"] = [int(code.removeprefix("AADSTS"))]
        text = f"{code}: The provider's own words.\r\nTrace ID: {TRACE}\r\nCorrelation ID: {CORRELATION}"
        answer["error_description"] = text
    elif code in ("bad_token", "basic_action", "additional_action", "message_only", "user_password_expired"):
        answer["suberror"] = code
    else:
        answer["error"] = code
    return answer | further


def _raised(answer: dict[str, Any], profile: Profile, **options: Any) -> Any:
    with pytest.raises(NbauthError) as caught:
        raise_for_error(answer, profile, options.pop("scopes", SCOPES), **options)
    return caught.value


def _logins(step: NextStep) -> list[Login]:
    return [part for part in step.parts if isinstance(part, Login)]


# The catalogue


def test_the_catalogue_has_a_page_for_each_code() -> None:
    """The catalogue explains each code once, thirty of Entra's numbers at least, each by somebody's public page."""
    codes = [code for code, _ in CODES]
    assert len(codes) == len(set(codes))
    assert len([code for code in codes if code.startswith("AADSTS")]) >= 30
    assert all(source.startswith("https://") for entry in entries() for source in entry.sources)
    assert all(entry.sources and entry.codes for entry in entries())


@each_code
@pytest.mark.parametrize("who", ["person", "job"])
def test_each_code(code: str, entry: Entry, who: str, profiles: tuple[Profile, Profile]) -> None:
    """Each code becomes its exception, which names profile and code, fits, and says what really can be done next."""
    profile = profiles[who == "job"]
    for silent, flow in ((True, None), (False, None), (False, "device_code")):
        kinds = SILENT_KINDS if silent and who == "person" else KINDS
        error = _raised(_says(code), profile, silent=silent, flow=flow)
        # A refresh gives no further scopes than the sign-in was granted; signing in again does.
        narrow = silent and (code, who) == ("invalid_scope", "person")
        assert type(error) is (SignInRequired if narrow else kinds[entry.kind])
        text = str(error)
        assert text.startswith(f"Profile {profile.name!r}: ")
        assert f"({code if code.startswith('AAD') else error.answer.error})" in text
        assert (error.answer.trace_id, error.answer.correlation_id) == (TRACE, CORRELATION)
        assert TRACE not in text
        assert text.isprintable()
        assert not set("{}<>") & set(text)
        assert len(f"{error.args[0]} {error.step.text('magic')}") <= MOST_CHARACTERS
        assert error.cause in error.args[0]
        assert error.next_step == error.step.text("python")
        _check_next_step(error.step, entry, who)


def _check_next_step(step: NextStep, entry: Entry, who: str) -> None:
    for login in _logins(step):
        assert parser_of("login").parse_line(login.typed("magic").removeprefix("%login ")).profile == "work"
        assert inspect.signature(nbauth.login).bind(**_arguments(login.typed("python")))
    assert not (who == "job" and _logins(step))  # to sign a person in mends nothing for a job
    next_step = step.text("magic")
    if who == "job" and re.search("{(login|browser)", entry.cure):
        assert re.search("nbauth.toml|administrator", next_step)
        return
    names = {
        "person": "%login work",
        "author": "nbauth.toml|application 0000|access token|Try again",
        "administrator": "dministrator",
        "provider": "Try again in a minute",
    }
    assert re.search(names[entry.mends], next_step)


def _arguments(call: str) -> dict[str, Any]:
    """Return the arguments of a call that is written in Python."""
    node: Any = ast.parse(call, mode="eval").body
    named = {keyword.arg: ast.literal_eval(keyword.value) for keyword in node.keywords}
    return {"profile": ast.literal_eval(node.args[0]), **named}


def test_the_page_is_in_step() -> None:
    """docs/errors.md is what docs/make_errors.py makes of the catalogue."""
    path = Path(__file__).parents[3] / "docs" / "make_errors.py"
    spec = importlib.util.spec_from_file_location("make_errors", path)
    assert spec
    assert spec.loader
    maker = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(maker)
    assert maker.page() == maker.PAGE.read_text(encoding="utf-8"), "run: python docs/make_errors.py"


# In a notebook


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch) -> Iterator[InteractiveShell]:
    """A real IPython, 80 columns wide."""
    monkeypatch.setenv("COLUMNS", "80")
    made = InteractiveShell()
    yield made
    atexit.unregister(made.atexit_operations)
    made.atexit_operations()


def test_in_ipython(shell: InteractiveShell, profiles: tuple[Profile, Profile]) -> None:
    """IPython shows each as one clean line that ends in the next step; the ids stay with the exception."""
    for code, _ in CODES:
        error = _raised(_says(code), profiles[0], silent=True)
        shell.user_ns["error"] = error
        with capture_output() as captured:
            shell.run_cell("raise error")
        assert captured.stdout.splitlines() == [f"{type(error).__name__}: {error.args[0]} {error.next_step}"]
        assert captured.stderr == ""
        assert sys.last_value is error
        assert sys.last_value.correlation_id == CORRELATION
        assert sys.last_value.trace_id == TRACE


def test_the_ids_survive_a_pickle_and_reach_the_log(
    profiles: tuple[Profile, Profile], caplog: pytest.LogCaptureFixture
) -> None:
    """What an administrator needs is in the log of a job, and still there when the exception crosses processes."""
    with caplog.at_level(logging.INFO, logger="nbauth"):
        error = _raised(_says("AADSTS53003"), profiles[1])
    assert CORRELATION in caplog.text
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - made in the line itself
    assert (again.code, again.correlation_id, str(again)) == ("AADSTS53003", CORRELATION, str(error))


# How an answer is read


def test_order(profiles: tuple[Profile, Profile]) -> None:
    """Entra's number decides, then its suberror, then the OAuth error."""
    number = {"error": "invalid_grant", "suberror": "message_only", "error_codes": [65001]}
    suberror = {"error": "invalid_grant", "suberror": "message_only", "error_codes": [99999]}
    error = {"error": "invalid_grant", "suberror": "unheard_of", "error_codes": [99999]}
    raised = [_raised(answer, profiles[0], silent=True) for answer in (number, suberror, error)]
    expected = [find("AADSTS65001"), find("message_only"), find("invalid_grant")]
    assert all(entry and entry.title in str(each) for entry, each in zip(expected, raised, strict=True))
    # A number that nobody knows is another reason than the usual one of the OAuth error.
    assert [each.cause is None for each in raised] == [False, False, True]


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ({"error_codes": [50011]}, "AADSTS50011"),
        ({"error_codes": ["50011"]}, "AADSTS50011"),
        ({"error_codes": [99999, 50011]}, "AADSTS50011"),
        ({"error_codes": [99999], "error_description": "AADSTS50011: no."}, "AADSTS50011"),
        ({"error_description": "AADSTS50011: no."}, "AADSTS50011"),
        ({"error_description": "AADSTS99999: no."}, "AADSTS99999"),
        ({"error_codes": [99999]}, "AADSTS99999"),
        ({"error_codes": [True, None, {}, -1, "x", 10**40]}, None),
        ({"error_codes": "50011"}, None),
        ({}, None),
    ],
)
def test_numbers(answer: dict[str, Any], code: str | None, profiles: tuple[Profile, Profile]) -> None:
    """The number comes from the list that Entra gives, else from its text; the first that is known says most."""
    assert _raised({"error": "invalid_request"} | answer, profiles[0]).code == code


def _person(**further: Any) -> Profile:
    return Profile("work", client_id="c", tenant="contoso.com", apis={"https://a.example": ["read"]}, **further)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("access_denied", "AADSTS99999: Something new."),
        ("access_denied", "AADB2C99999: Something new."),
        ("access_denied", "The user is blocked."),
        ("invalid_grant", "AADSTS99999: Something new."),
        ("invalid_grant", "PKCE verification failed"),
        ("invalid_client", "AADSTS99999: Something new."),
        ("unauthorized_client", "Rule says no"),
        ("invalid_request", "The request object is not signed"),
        ("server_error", "Post-login action failed"),
        ("interaction_required", "AADSTS99999: Something new."),
    ],
)
def test_no_cause_is_made_up(error: str, words: str) -> None:
    """What an OAuth error usually means is not said where the provider gives a reason that nbauth does not know."""
    answer = {"error": error, "error_description": words}
    raised = _raised(answer, _person())
    assert raised.cause is None
    assert words.rstrip(".") in str(raised)
    for wrong in ("consent was refused", "has expired", "misspelt", "malformed", "second factor"):
        assert wrong not in str(raised)
    bare = _raised({"error": error}, _person())
    assert bare.cause


@pytest.mark.parametrize("error", ["invalid_client", "unauthorized_client"])
@pytest.mark.parametrize("kind", ["application", "person"])
@pytest.mark.parametrize(
    "credential",
    [
        {"client_secret": {"env": "NIGHTLY_SECRET"}},
        {"client_certificate": {"path": "c.pem"}},
        {"client_assertion": {"file": "token"}},
    ],
    ids=lambda credential: next(iter(credential)),
)
def test_the_cure_fits_the_credential(error: str, kind: str, credential: dict[str, Any]) -> None:
    """An application that is not accepted is told of the credential that it has, and of no other."""
    (key,) = credential
    text = str(_raised({"error": error, "error_description": "no"}, _person(kind=kind, **credential)))
    assert key in text
    others = {"client_secret", "client_certificate", "client_assertion"} - {key}
    assert not others & set(re.findall(r"\w+", text))
    plain = str(_raised({"error": error, "error_description": "no"}, _person()))
    assert not (others | {key}) & set(re.findall(r"\w+", plain))


@pytest.mark.parametrize(
    ("error", "words", "code"),
    [
        ("invalid_request", "client_secret is missing.", "AADSTS7000218"),
        ("invalid_client", "Client authentication required", "AADSTS7000218"),
        ("invalid_client", "Invalid client secret provided.", "AADSTS7000215"),
        ("unauthorized_client", "Invalid client_id parameter value.", "AADSTS700016"),
        ("invalid_client", "The OAuth client was not found.", "AADSTS700016"),
        ("invalid_request", "Invalid parameter: redirect_uri", "AADSTS50011"),
        ("invalid_grant", "redirect_uri mismatch", "AADSTS50011"),
        ("access_denied", "User is not assigned to the client application.", "AADSTS50105"),
    ],
)
def test_words_that_are_known(error: str, words: str, code: str) -> None:
    """What providers without numbers write is explained as Entra's number for the same is."""
    text, entry = str(_raised({"error": error, "error_description": words}, _person())), find(code)
    assert entry
    assert entry.title in text
    assert f"({error}: {words.rstrip('.')})" in text


def test_scopes_that_nbauth_adds() -> None:
    """A scope that is not valid may be one that nbauth adds: they are named, but for those that are left out."""
    refused = {"error": "invalid_scope", "error_description": "Unknown scope"}
    assert "read (nbauth adds openid profile offline_access)" in str(_raised(refused, _person(), scopes=("read",)))
    without = _person(exclude_scopes=["offline_access"])
    assert "read (nbauth adds openid profile)." in str(_raised(refused, without, scopes=("read",)))
    job = _person(client_secret={"env": "NIGHTLY_SECRET"})
    assert "nbauth adds" not in str(_raised(refused, job, scopes=("read",)))


def test_what_nobody_knows(profiles: tuple[Profile, Profile]) -> None:
    """An error that the catalogue does not know is shown in the provider's own words, on one line."""
    answer = {"error": "teapot", "error_description": "AADSTS99999: I am\ta teapot.\r\nTrace ID: 1\r\nand more"}
    error = _raised(answer, profiles[0])
    assert str(error) == (
        "Profile 'work': the provider answered with an error (AADSTS99999: I am a teapot). Run: nbauth.login(\"work\")"
    )
    assert (error.error, error.code) == ("teapot", "AADSTS99999")
    assert str(_raised({"error": "teapot"}, profiles[1])).endswith("(teapot). Check /home/me/work/nbauth.toml.")
    plain = _raised({"error": "invalid_request", "error_description": "Missing parameter: nonce"}, profiles[0])
    assert "(invalid_request: Missing parameter: nonce)" in str(plain)


JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl"
OPAQUE = "0.AXoA1f4mTz" + "Zk8w3" * 12


@pytest.mark.parametrize(
    "hostile",
    [
        "\x1b]0;gone\x07\x1b[2J\x1b[31mred",
        "line\r\nanother\x0b\x0c\x85\u2028end",
        "\u202egnp.exe\u200b\u2066",
        "<img src=x onerror=alert(1)>" * 50,
        "{profile.__class__} {where} %s",
        f"The token {JWT} is not valid",
        f"Code {OPAQUE} not found",
        f"Code {OPAQUE[:30]}\u200b{OPAQUE[30:]} not found",
        f"https://login.example.org/cb?code={OPAQUE}&state=1",
        "x" * 1_000_000,
    ],
    ids=["escapes", "lines", "bidi", "html", "format", "jwt", "opaque", "hidden", "url", "long"],
)
@pytest.mark.parametrize(
    "member", ["error", "error_description", "suberror", "trace_id", "correlation_id", "timestamp"]
)
def test_hostile_answers(member: str, hostile: str, profiles: tuple[Profile, Profile]) -> None:
    """What a provider writes is one short printable line without secrets, wherever it is kept."""
    error = _raised({"error": "unheard_of", member: hostile}, profiles[0])
    kept = repr(vars(error))
    for text in (str(error), kept, *error._render_traceback_()):
        assert text.isprintable()
        assert JWT not in text
        assert OPAQUE[:30] not in text
        assert OPAQUE[30:] not in text
    assert len(str(error)) <= MOST_CHARACTERS


@pytest.mark.parametrize("answer", [{"error": 7}, {"error": ["a"]}, {"error": {"a": 1}, "error_description": 3.5}])
def test_odd_types(answer: dict[str, Any], profiles: tuple[Profile, Profile]) -> None:
    """Members of the wrong type are an error of ours all the same."""
    assert type(_raised(answer, profiles[0])) is SignInFailed


def test_no_error(profiles: tuple[Profile, Profile]) -> None:
    """Tokens raise nothing."""
    assert raise_for_error({"access_token": "a"}, profiles[0], SCOPES) is None


# Claims and consent


def test_claims(profiles: tuple[Profile, Profile]) -> None:
    """Claims in an answer ask for the person, who meets them with the next login; a job has nobody to ask."""
    for silent in (True, False):
        error = _raised(_says("AADSTS53000", claims=CLAIMS), profiles[0], silent=silent)
        assert (type(error), error.claims, error.scopes) == (SignInRequired, CLAIMS, SCOPES)
    assert type(_raised(_says("AADSTS53000", claims=CLAIMS), profiles[1], silent=True)) is SignInFailed
    error = _raised(_says("AADSTS50076"), profiles[0], silent=True, claims='{"asked": 1}')
    assert error.claims == '{"asked": 1}'


@pytest.mark.parametrize("claims", ["[]", "{", '"text"', {"a": 1}, "[" * 8000, '{"a": "' + "x" * 9000 + '"}', None])
def test_claims_that_are_none(claims: Any, profiles: tuple[Profile, Profile]) -> None:
    """Claims that are no JSON object, or too long, are left aside."""
    error = _raised(_says("AADSTS50076", claims=claims), profiles[0], silent=True, claims='{"asked": 1}')
    assert error.claims == '{"asked": 1}'


def test_consent_for_another_api(profiles: tuple[Profile, Profile]) -> None:
    """A consent that is missing for another API names the scopes to sign in with; for the first, the plain login."""
    error = _raised(_says("AADSTS65001"), profiles[0], silent=True)
    assert error.step == to_run(Login("work", scopes=SCOPES))
    assert error.scopes == SCOPES
    first = _raised(_says("AADSTS65001"), profiles[0], silent=True, scopes=profiles[0].login_scopes)
    assert first.step == to_run(Login("work"))


# Against the provider


@pytest.fixture
def alice(demo: DemoServer, person: Callable[..., Any]) -> Credential:
    """Alice, signed in."""
    return _sign_in(demo, person)


def _sign_in(demo: DemoServer, person: Callable[..., Any]) -> Credential:
    nbauth.login("demo", flow="paste", prompt=person(), timeout_s=20)
    demo.provider.requests.clear()
    profile = kernel.config().profiles["demo"]
    return kernel.credential_of(profile, profile.login_scopes)


def _provider_says(demo: DemoServer, code: str, *, path: str = "*/token", **further: Any) -> None:
    if code.startswith("AADSTS"):
        refusal = Refusal(int(code.removeprefix("AADSTS")), "In Entra's words.", extra=further)
        body: Any = refusal.to_json(entra=True).body
    else:
        body = json.dumps(_says(code, **further))
    demo.provider.faults.add(path, method="POST", status=400, body=body)


def test_each_code_from_the_provider(alice: Credential, demo: DemoServer) -> None:
    """Each code that a refresh may be answered with comes out of the session's way to a token as its exception."""
    scopes = alice.profile.login_scopes
    token = alice.token(scopes)
    for code, entry in CODES:
        _provider_says(demo, code)
        # Each wish is another request: MSAL replays an answer of 400 for a minute.
        with pytest.raises(SILENT_KINDS[entry.kind]) as caught:
            alice.token(scopes, rejected=token, claims=json.dumps({"access_token": {code: None}}))
        answer = caught.value.answer
        assert answer
        assert code in (answer.code, answer.suberror, answer.error)
        assert len(answer.correlation_id or "") == 36
    assert alice.token(scopes, rejected=token) != token  # and nothing of it outlives its cause


@pytest.mark.parametrize("code", ["AADSTS90033", "temporarily_unavailable", "server_error"])
def test_a_busy_provider_leaves_a_valid_token_in_use(code: str, demo: DemoServer, person: Callable[..., Any]) -> None:
    """While a token is still valid, a provider that answers that it is busy is no error."""
    demo.provider.settings.access_token_s = 20  # what MSAL never takes from its cache
    alice = _sign_in(demo, person)
    scopes = alice.profile.login_scopes
    token = alice._memo[scopes]
    object.__setattr__(token, "margin_s", 30.0)  # as if its margin had begun
    _provider_says(demo, code)
    assert alice.token(scopes) == token.secret
    alice.settle(time.monotonic() + 10)  # it is renewed while it is handed out
    assert demo.provider.requests.count("*/token") == 1
    assert alice.token(scopes) == token.secret


def test_a_blocked_refresh_leaves_other_ways(demo: DemoServer, person: Callable[..., Any]) -> None:
    """After a refresh that policies block, the next login asks the person, by the flow that they name."""
    demo.provider.settings.access_token_s = 1
    alice = _sign_in(demo, person)
    scopes = alice.profile.login_scopes
    demo.provider.clock.advance(2)
    _provider_says(demo, "AADSTS53003")
    with pytest.raises(SignInFailed, match=r'AADSTS53003\).*nbauth\.login\("demo", flow="paste"\)'):
        alice.token(scopes, rejected=alice._memo[scopes].secret)
    demo.provider.requests.clear()
    assert nbauth.login("demo", flow="paste", prompt=person("bob"), timeout_s=20).username == "bob@contoso.example"


@pytest.mark.parametrize("browser", [None, "firefox %s"], ids=["remote", "local"])
@pytest.mark.parametrize("code", ["AADSTS53003", "AADSTS530003", "AADSTS530035", "AADSTS530036"])
def test_a_device_code_is_blocked(
    code: str, browser: str | None, demo: DemoServer, person: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A device code that Conditional Access blocks says which flow to try, for where this kernel runs."""
    if browser:
        monkeypatch.setenv("BROWSER", browser)
    _provider_says(demo, code)
    flow = "loopback" if browser else "paste"
    with pytest.raises(SignInFailed, match=rf'{code}\).*nbauth\.login\("demo", flow="{flow}"\)') as caught:
        nbauth.login("demo", flow="device_code", prompt=person(), timeout_s=20)
    entry = find(code)
    assert entry
    assert (caught.value.next_step or "").endswith((entry.cures.get("device_code", entry.cure)).rpartition("}")[2])


def test_a_device_code_that_only_its_page_refuses(demo: DemoServer, person: Callable[..., Any]) -> None:
    """A code that expires unused names the flow that needs none: the page may have refused it."""
    _provider_says(demo, "expired_token")
    with pytest.raises(SignInTimeout, match=r'nbauth\.login\("demo"\) \(or.*nbauth\.login\("demo", flow="paste"\)\)'):
        nbauth.login("demo", flow="device_code", prompt=person(), timeout_s=20)


def _changed(demo: DemoServer, **changes: Any) -> Profile:
    known = kernel.config().profiles["demo"]
    options: dict[str, Any] = {
        "client_id": known.client_id,
        "authority": known.authority,
        "ca_bundle": known.ca_bundle,
        "apis": known.apis,
    }
    profile = Profile("mine", **(options | changes))
    kernel.add_profile(profile)
    return profile


@pytest.mark.parametrize(
    ("code", "changes", "next_step"),
    [
        ("AADSTS500011", {"apis": {"https://a.example": ["api://none/Read"]}}, "Check the scopes under apis in"),
        ("AADSTS70011", {"apis": {"https://a.example": ["api://nbauth-demo/None"]}}, "Check the scopes in"),
        ("AADSTS50058", {"prompt": "none"}, "without prompt"),
    ],
)
def test_errors_in_the_redirect(
    code: str, changes: Any, next_step: str, demo: DemoServer, person: Callable[..., Any]
) -> None:
    """What the provider answers in the redirect, before there is a code to redeem, passes through the catalogue too."""
    _changed(demo, **changes)
    with pytest.raises(SignInFailed, match=next_step) as caught:
        nbauth.login("mine", flow="paste", prompt=person(), timeout_s=20)
    assert caught.value.code == code
    assert demo.provider.requests.count("*/token") == 0


def test_a_revoked_sign_in(alice: Credential, demo: DemoServer) -> None:
    """A sign-in that an administrator revoked is said to be so."""
    demo.provider.revoke(demo.provider.registry.users["alice"])
    scopes = alice.profile.login_scopes
    with pytest.raises(SignInRequired, match=r'was revoked \(AADSTS50173\).*Run: nbauth\.login\("demo"\)$'):
        alice.token(scopes, rejected=alice.token(scopes))


def test_a_wrong_scope_of_a_job(demo: DemoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job that asks for a person's scope is told which kind of scope is a job's."""
    nightly = kernel.config().profiles["nightly"]
    monkeypatch.setenv("NIGHTLY_SECRET", demo.client_secret)
    _changed(
        demo,
        client_id=nightly.client_id,
        client_secret={"env": "NIGHTLY_SECRET"},
        apis={"https://a.example": ["api://nbauth-demo/Data.Read"]},
    )
    with pytest.raises(SignInFailed, match=r"\(AADSTS1002012\).*apis in profile 'mine': .*/\.default"):
        nbauth.login("mine")


def test_no_secret_is_quoted(demo: DemoServer, person: Callable[..., Any]) -> None:
    """A provider that quotes the code it was sent does not make us show it, or keep it in the exception."""
    code = "0.AX" + "aB3" * 40
    quoting = {"error": "invalid_grant", "error_description": f"Code {code} is not valid"}
    demo.provider.faults.add("*/token", status=400, body=json.dumps(quoting))
    with pytest.raises(SignInFailed, match=r"invalid_grant: Code 0\.\*\*\* is not valid") as caught:
        nbauth.login("demo", flow="paste", prompt=person(), timeout_s=20)
    assert code not in repr(vars(caught.value)) + str(caught.value)
