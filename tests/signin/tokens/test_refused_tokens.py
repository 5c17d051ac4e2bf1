"""A token that an API refuses, and that nothing replaces, is forgotten: the login that the message names asks."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest
from forked_children import in_child

import nbauth
from nbauth import kernel
from nbauth.errors import ApiError, NbauthError, ProviderUnavailable, SignInCancelled, SignInFailed, SignInRequired
from nbauth.signin.flows.prompt import NullPrompt
from nbauth.signin.remembered import location

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbauth.demo.server import DemoServer


@pytest.fixture(autouse=True)
def plain_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Allow remembered sign-ins that are not encrypted."""
    monkeypatch.setenv("NBAUTH_ALLOW_PLAINTEXT_CACHE", "1")


@pytest.fixture
def login(demo: DemoServer, person: Callable[..., Any]) -> Callable[..., None]:
    """Return what signs Alice in to a profile, by hand if she is asked."""
    known = kernel.config().profiles["demo"]
    given: dict[str, Any] = {"client_id": demo.client_id, "ca_bundle": str(demo.ca_file), "apis": known.apis}
    for name, excluded in (("lab", ()), ("bare", ("offline_access",))):  # without it no refresh token is given
        nbauth.add_profile(nbauth.Profile(name, oidc_authority=demo.oidc_authority, exclude_scopes=excluded, **given))
    nbauth.add_profile(nbauth.Profile("second", authority=known.authority, **given))

    def sign_in(profile: str = "demo", **options: Any) -> None:
        nbauth.login(profile, flow="paste", prompt=person(), timeout_s=20, **options)
        demo.provider.requests.clear()

    return sign_in


def _silent(profile: str = "demo", **options: Any) -> None:
    """Sign in with nobody there: whoever is asked cancels."""
    nbauth.login(profile, flow="paste", prompt=NullPrompt(), timeout_s=20, **options)


def _refuse(demo: DemoServer, *, times: int = 1) -> None:
    demo.api.faults.add("*/cities", status=401, body="{}", times=times)


def _read(demo: DemoServer, profile: str = "demo") -> int:
    return len(nbauth.read(f"{demo.api_url}/cities", profile=profile))


def _fail(demo: DemoServer, profile: str = "demo") -> NbauthError:
    """Have the API refuse the token, and return the error."""
    _refuse(demo)
    with pytest.raises(NbauthError) as caught:
        _read(demo, profile)
    demo.provider.requests.clear()
    return caught.value


@pytest.mark.parametrize("profile", ["demo", "lab"])
@pytest.mark.parametrize(
    ("status", "body"),
    [
        (401, '{"error": "invalid_token"}'),
        (400, '{"error": "invalid_token"}'),
        (400, '{"error": "unauthorized_client"}'),
        (400, '{"error": "unsupported_grant_type"}'),
        (400, '{"error": "a word of their own"}'),
        (400, '{"error": "invalid_grant"}'),
        (400, '{"error": "server_error"}'),
        (500, '{"error": "server_error"}'),
        (502, "<html>Bad gateway</html>"),
        (200, "<html>Welcome</html>"),
        (200, '{"token_type": "Bearer"}'),
    ],
)
def test_the_refresh_fails(profile: str, status: int, body: str, demo: DemoServer, login: Callable[..., None]) -> None:
    """However a refresh fails at a provider that answers, the next login asks the person, and the read works."""
    login(profile)
    demo.provider.faults.add("*/token", status=status, body=body)
    assert _fail(demo, profile).next_step
    with pytest.raises(SignInCancelled):
        _silent(profile)
    assert len(demo.provider.requests.matching("*/token")) == 0
    login(profile)
    assert _read(demo, profile) > 0
    _silent(profile)  # and nobody is asked again


def test_no_refresh_token(demo: DemoServer, login: Callable[..., None]) -> None:
    """Without a refresh token the error says that the API refuses the token, and the login that it names asks."""
    login("bare")
    error = _fail(demo, "bare")
    assert isinstance(error, SignInRequired)
    assert "the API refuses the access token" in str(error)
    assert 'Run: nbauth.login("bare")' in str(error)
    with pytest.raises(SignInCancelled):
        _silent("bare")
    login("bare")
    assert _read(demo, "bare") > 0


def test_the_refused_token_is_sent_no_more(demo: DemoServer, login: Callable[..., None]) -> None:
    """Until somebody signs in nothing goes to the API, but for what a refresh that works again brings."""
    login()
    demo.provider.faults.add("*/token", status=401, body='{"error": "invalid_token"}', times=2)
    assert isinstance(_fail(demo), SignInFailed)
    demo.api.requests.clear()
    with pytest.raises(SignInFailed, match="invalid_token"):
        _read(demo)
    assert len(demo.api.requests) == 0
    assert _read(demo) > 0
    _silent()  # what was renewed counts again


def test_a_provider_that_cannot_be_reached(demo: DemoServer, login: Callable[..., None]) -> None:
    """While the provider is away, or asks to wait, a login says so and asks nobody; a read later works by itself."""
    for fault in ({"reset": True}, {"status": 503, "retry_after": 1}):
        login(select_account=True)
        demo.provider.faults.add("*/token", times=None, **fault)  # type: ignore[arg-type]
        assert isinstance(_fail(demo), ProviderUnavailable)
        with pytest.raises(ProviderUnavailable):
            _silent()
        demo.provider.faults.clear()
        kernel._state.visits.own.connection(kernel.config().profiles["demo"]).transport._throttled_until.clear()
        assert _read(demo) > 0
        _silent()


def test_a_fresh_token_is_refused(demo: DemoServer, login: Callable[..., None]) -> None:
    """Where an API refuses the fresh token, too, the login that the error names asks; what others take is kept."""
    login()
    _refuse(demo, times=2)
    with pytest.raises(ApiError, match=r"then run: nbauth\.login\(\)"):
        _read(demo)
    demo.provider.requests.clear()
    assert len(nbauth.read(f"{demo.api_url}/me")) == 1
    assert len(demo.provider.requests) == 0
    with pytest.raises(SignInCancelled):
        _silent()
    login()
    assert _read(demo) > 0
    _silent()


def test_claims_that_a_refresh_does_not_bring(demo: DemoServer, login: Callable[..., None]) -> None:
    """A claims challenge whose refresh fails is what the next login asks the person for."""
    login()
    profile = kernel.config().profiles["demo"]
    credential = kernel.credential_of(profile, profile.login_scopes)
    claims = json.dumps({"access_token": {"acrs": {"essential": True, "value": "c1"}}})
    token = credential.token(profile.login_scopes)
    demo.provider.faults.add("*/token", status=401, body='{"error": "invalid_token"}')
    with pytest.raises(SignInFailed):
        credential.token(profile.login_scopes, rejected=token, claims=claims)
    assert credential.token(profile.login_scopes) == token  # where nothing more is asked for it is good
    assert credential.unmet_claims == claims
    with pytest.raises(SignInCancelled):
        _silent()


# Other profiles, kernels and processes


@pytest.mark.parametrize("profile", ["demo", "bare"])
def test_in_later_kernels(profile: str, demo: DemoServer, login: Callable[..., None]) -> None:
    """No later kernel takes a refused token out of the file, and none sends it to the API."""
    login(profile, remember=True)
    (file,) = location.directory().glob("*.bin")
    token = str(kernel.credential_of(kernel.config().profiles[profile], ()).token(_scopes(profile)))
    assert token.encode() in file.read_bytes()
    fault = demo.provider.faults.add("*/token", status=401, body='{"error": "invalid_token"}', times=2)
    _fail(demo, profile)
    assert fault.hits == (profile == "demo")  # the other one has nothing to ask with
    assert token.encode() not in file.read_bytes()
    added = [p for p in kernel.config().profiles.values() if p.file is None]
    kernel.reset()
    for each in added:
        nbauth.add_profile(each)
    with pytest.raises(SignInCancelled):
        _silent(profile)
    demo.provider.faults.clear()
    login(profile)
    assert _read(demo, profile) > 0


def test_while_the_file_cannot_be_had(demo: DemoServer, login: Callable[..., None]) -> None:
    """A provider that is away leaves a remembered sign-in as it is, but for the refused token."""
    login(remember=True)
    (file,) = location.directory().glob("*.bin")
    token = str(kernel.credential_of(kernel.config().profiles["demo"], ()).token(_scopes("demo")))
    demo.provider.faults.add("*/token", reset=True)
    assert isinstance(_fail(demo), ProviderUnavailable)
    assert token.encode() not in file.read_bytes()
    kernel.reset()
    _silent()
    assert _read(demo) > 0


def _scopes(profile: str) -> tuple[str, ...]:
    return kernel.config().profiles[profile].login_scopes


def test_of_another_profile(demo: DemoServer, login: Callable[..., None]) -> None:
    """A refused token is in no cache any more, from which a profile on the same tokens would be served."""
    login("second")
    demo.provider.faults.add("*/token", status=401, body='{"error": "invalid_token"}')
    _fail(demo, "second")
    cache = nbauth.client("second").token_cache
    assert list(cache.search(cache.CredentialType.ACCESS_TOKEN)) == []
    assert len(list(cache.search(cache.CredentialType.REFRESH_TOKEN))) == 1


def test_of_an_application(demo: DemoServer) -> None:
    """An application whose refused token is not replaced asks for another one each time, and a login mends it."""
    nbauth.login("nightly")
    demo.provider.faults.add("*/token", status=401, body='{"error": "unauthorized_client"}', times=2)
    assert isinstance(_fail(demo, "nightly"), SignInFailed)
    demo.api.requests.clear()
    with pytest.raises(SignInFailed):
        _read(demo, "nightly")
    assert len(demo.api.requests) == 0
    nbauth.login("nightly")
    assert _read(demo, "nightly") > 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this platform")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_in_a_forked_child(demo: DemoServer, login: Callable[..., None]) -> None:
    """What a child finds out holds for the child and for its kernel: in both the next login asks."""
    login()

    def work() -> bool:
        with pytest.raises(SignInFailed):
            _read(demo)
        with pytest.raises(SignInCancelled):
            _silent()
        login()
        return _read(demo) > 0

    _refuse(demo)
    demo.provider.faults.add("*/token", status=401, body='{"error": "invalid_token"}')
    assert in_child(work)
    with pytest.raises(SignInCancelled):
        _silent()
    login()
    assert _read(demo) > 0
