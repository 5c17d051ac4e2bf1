from __future__ import annotations

import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import msal
import pytest
from msal.throttled_http_client import ThrottledHttpClient

import nbauth
from nbauth.errors import ConfigError
from nbauth.signin import msal_internals
from nbauth.signin.client.token_cache import AccountCache
from nbauth.signin.http.transport import Answer, GuardedTransport

if TYPE_CHECKING:
    from nbauth.demo.server import DemoServer

URL = "https://login.example.org/.well-known/openid-configuration"


class Wire:
    """An http client that answers each GET with how many there were."""

    def __init__(self) -> None:
        self.gets = 0

    def get(self, _url: str, **_options: Any) -> Answer:
        self.gets += 1
        return Answer(200, str(self.gets), {"content-type": "application/json"})

    def post(self, url: str, **options: Any) -> Answer:
        return self.get(url, **options)

    def close(self) -> None: ...


def test_the_installed_release_was_tried() -> None:
    """Every test passed with the installed MSAL. With a newer one: read `msal_internals`, then raise `last`."""
    assert msal_internals.TRIED.has(msal.__version__)


def test_well_known_hosts() -> None:
    """MSAL's list of Microsoft's hosts has names as they stand in an address."""
    assert {"login.microsoftonline.com", "login.microsoftonline.us"} <= msal_internals.WELL_KNOWN_HOSTS


def test_http_cache_of_msals_own_making() -> None:
    """What MSAL puts into an http cache is found by its URL, and asked for again once it was dropped."""
    cache: dict[str, Any] = {}
    wire = Wire()
    client = ThrottledHttpClient(wire, http_cache=cache)
    assert [client.get(URL).text for _ in range(2)] == ["1", "1"]
    (key,) = set(cache) - {msal_internals.HTTP_CACHE_INDEX}
    assert msal_internals.cached_get(key) == URL
    msal_internals.drop_gets(cache, URL)
    assert client.get(URL).text == "2"


def test_what_was_dropped_and_put_back() -> None:
    """What was dropped from an http cache and put back is served again, for as long as it was to be."""
    cache: dict[str, Any] = {}
    client = ThrottledHttpClient(Wire(), http_cache=cache)
    assert client.get(URL).text == "1"
    times = dict(cache[msal_internals.HTTP_CACHE_INDEX][1])
    msal_internals.put_back(cache, msal_internals.drop_gets(cache, URL))
    assert client.get(URL).text == "1"
    assert cache[msal_internals.HTTP_CACHE_INDEX][1] == times


def test_an_endpoint_that_is_elsewhere(demo: DemoServer) -> None:
    """An application asks an endpoint that was moved at its new address, with a device code as with a refresh token."""
    application = nbauth.client("demo")
    for name in ("token_endpoint", "device_authorization_endpoint"):
        assert msal_internals.endpoint_of(application, getattr(application.authority, name)) == name
        msal_internals.move_endpoint(application, name, f"{demo.provider.origin}/moved/{name}")
        demo.provider.faults.add(f"/moved/{name}", status=400, body='{"error": "invalid_request"}')
    assert application.initiate_device_flow([])["error"] == "invalid_request"
    assert application.acquire_token_by_refresh_token("r", [])["error"] == "invalid_request"
    assert msal_internals.endpoint_of(application, f"{demo.provider.origin}/another") is None


def test_http_cache_of_our_own_making() -> None:
    """MSAL takes what we put into an http cache until its time is over, and asks again then."""
    cache: dict[str, Any] = {}
    wire = Wire()
    ThrottledHttpClient(wire, http_cache=cache).get(URL)
    (key,) = set(cache) - {msal_internals.HTTP_CACHE_INDEX}
    now = int(time.time())
    kept = msal_internals.cached_response(Answer(200, "ours", {}))
    for expires_at, text in ((now + 60, "ours"), (now - 1, "2")):
        index = msal_internals.http_cache_index({key: (expires_at, now - 2)})
        cache = {key: kept, msal_internals.HTTP_CACHE_INDEX: index}
        assert ThrottledHttpClient(wire, http_cache=cache).get(URL).text == text


@pytest.mark.parametrize("key", ["_index_", f"POST {URL} hash=0 400", f"GET {URL} hash=00 2xx", "GET http://a hash"])
def test_other_keys(key: str) -> None:
    """A key of anything but a GET that succeeded is nobody's URL."""
    assert msal_internals.cached_get(key) is None


@pytest.mark.usefixtures("demo")
def test_http_client_of_an_application() -> None:
    """The http client that an application was made with is found again, below what MSAL and nbauth wrapped it in."""
    application = nbauth.client("demo")
    assert isinstance(msal_internals.http_client_of(application).clock_ahead_s, float)
    assert isinstance(application.http_client, ThrottledHttpClient)
    assert not isinstance(application.http_client, GuardedTransport)
    assert not msal_internals.is_brokered(application)


def test_brokered() -> None:
    """MSAL keeps on the application whether it has found a broker."""
    assert "_enable_broker" in vars(msal.ClientApplication)
    assert msal_internals.is_brokered(SimpleNamespace(_enable_broker=True))


def test_errors_of_msals_id_token_checks() -> None:
    """An error of MSAL's own look at an ID token is known by where it was raised."""
    with pytest.raises(TypeError) as caught:
        msal.oauth2cli.oidc.decode_part(None)
    assert msal_internals.is_of_id_token_checks(caught.value)
    assert not msal_internals.is_of_id_token_checks(ValueError())


def test_keys_of_a_token_cache() -> None:
    """Each kind of entry that is kept of a person has its key made by a function that may be replaced."""
    kinds = msal.TokenCache.CredentialType
    makers = msal_internals.key_makers_of(msal.TokenCache())
    assert {kinds.ACCOUNT, kinds.ACCESS_TOKEN, kinds.REFRESH_TOKEN, kinds.ID_TOKEN} <= set(makers)


def test_a_token_cache_without_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a release makes its keys another way, no cache is made, and the error says which releases are known."""
    made = msal.TokenCache.__init__

    def without(cache: msal.TokenCache) -> None:
        made(cache)
        del cache.key_makers

    monkeypatch.setattr(msal.TokenCache, "__init__", without)
    with pytest.raises(ConfigError, match=r"has no TokenCache\.key_makers"):
        AccountCache()
