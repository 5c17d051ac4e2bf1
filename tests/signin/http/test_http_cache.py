from __future__ import annotations

import contextlib
import json
import os
import time
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msal.throttled_http_client import NormalizedResponse

import nbauth
from nbauth import kernel
from nbauth.signin.http.http_cache import HttpCache, endpoints_allowed
from nbauth.signin.http.http_cache_file import HttpCacheFile
from nbauth.signin.http.stored_answer import StoredAnswer
from nbauth.signin.http.transport import Answer

if TYPE_CHECKING:
    from pathlib import Path

    from nbauth.demo.server import DemoServer

HOST = "login.example.com"
ALLOWED = frozenset({f"{HOST}:443"})
URL = f"https://{HOST}/t/v2.0/.well-known/openid-configuration"
KEY = f"GET {URL} hash={sha256(b'').hexdigest()} 2xx"
DOCUMENT = {
    "issuer": f"https://{HOST}/t/v2.0",
    "authorization_endpoint": f"https://{HOST}/t/authorize",
    "token_endpoint": f"https://{HOST}/t/token",
    "jwks_uri": f"https://{HOST}/t/keys",
}


def _file(tmp_path: Path, **environ: str) -> HttpCacheFile:
    return HttpCacheFile(tmp_path / "notebooks", tmp_path / "state", environ)


@pytest.fixture
def file(tmp_path: Path) -> HttpCacheFile:
    """Return the cache of a notebook's directory that exists."""
    (tmp_path / "notebooks").mkdir()
    return _file(tmp_path)


def _response(text: str, status: int = 200, headers: dict[str, str] | None = None) -> NormalizedResponse:
    return NormalizedResponse(Answer(status, text, headers or {}))


def _stored(document: dict[str, Any] = DOCUMENT, *, age_s: int = 0, life_s: int = 3600) -> StoredAnswer:
    now = int(time.time()) - age_s
    return StoredAnswer(json.dumps(document), now, now + life_s)


def test_what_one_kernel_learns_the_next_one_knows(file: HttpCacheFile, tmp_path: Path) -> None:
    """A discovery answer of one kernel is there for the next one in the same directory."""
    HttpCache(file, ALLOWED)[KEY] = _response(json.dumps(DOCUMENT))
    again = HttpCache(_file(tmp_path), ALLOWED)
    assert json.loads(again[KEY].text) == DOCUMENT
    assert again["_index_"][1].keys() == {KEY}


def test_what_is_forgotten(file: HttpCacheFile, tmp_path: Path) -> None:
    """An answer that is forgotten is there neither for this kernel nor for a later one; others stay."""
    cache = HttpCache(file, ALLOWED, trust="a1")
    other = KEY.replace("/t/", "/other/")
    cache[KEY] = cache[other] = _response(json.dumps(DOCUMENT))
    cache.forget(URL)
    for each in (cache, HttpCache(_file(tmp_path), ALLOWED, trust="a1")):
        assert (KEY in each, other in each) == (False, True)


@pytest.mark.parametrize("kept", [True, False])
def test_what_cannot_be_had_anew(file: HttpCacheFile, kept: bool, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: FBT001
    """Where an answer cannot be had anew the old one stays, if it is to; it is asked for again a minute later."""
    HttpCache(file, ALLOWED)[KEY] = _response(json.dumps(DOCUMENT))
    cache = HttpCache(file, ALLOWED)
    with contextlib.suppress(ConnectionError), cache.anew(URL, kept=kept) as asks:
        assert asks
        assert KEY not in cache
        raise ConnectionError
    assert (KEY in cache) is kept
    with cache.anew(URL) as asks:
        assert not asks
    later = time.monotonic() + 61
    monkeypatch.setattr("nbauth.signin.http.http_cache.time.monotonic", lambda: later)
    with cache.anew(URL) as asks:
        assert asks


def test_what_other_authorities_vouched_for(file: HttpCacheFile, tmp_path: Path) -> None:
    """An answer is there only for profiles that trust the same authorities: others' could name false keys."""
    HttpCache(file, ALLOWED, trust="a1")[KEY] = _response(json.dumps(DOCUMENT))
    known = {trust: KEY in HttpCache(_file(tmp_path), ALLOWED, trust=trust) for trust in ("", "a1", "b2")}
    assert known == {"": False, "a1": True, "b2": False}


@pytest.mark.parametrize(
    ("key", "response"),
    [
        (f"POST https://{HOST}/t/token hash=1 400", _response('{"error": "x"}', 400)),
        (f"POST https://{HOST}/t/token client_id=i scope=s hash=1 429/5xx/Retry-After", _response('{"a": "TOKEN"}')),
        (f"GET https://{HOST}/common/userrealm/jo@contoso.com hash={'0' * 64} 2xx", _response("{}")),
        (KEY, _response("not json")),
        (KEY.replace(HOST, "evil.example"), _response(json.dumps(DOCUMENT))),
        (KEY, _response(json.dumps(DOCUMENT | {"token_endpoint": "https://evil.example/token"}))),
        (KEY, _response(json.dumps(DOCUMENT | {"authorization_endpoint": f"http://{HOST}/authorize"}))),
    ],
)
def test_only_discovery_goes_to_disk(key: str, response: Any, file: HttpCacheFile, tmp_path: Path) -> None:
    """Answers that hold tokens, user names or errors, or name other hosts, stay in memory."""
    cache = HttpCache(file, ALLOWED)
    cache[key] = response
    assert cache[key] is response
    assert not (tmp_path / "notebooks/.nbauth").exists()


def test_the_file_is_private(file: HttpCacheFile, tmp_path: Path) -> None:
    """The file is the user's alone, its folder too, and version control passes over it."""
    file.store(KEY, _stored())
    folder = tmp_path / "notebooks/.nbauth"
    assert (folder / "http_cache").stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / ".gitignore").read_text() == "*\n"
    assert (tmp_path / "state/http_cache.key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "poison",
    [
        {"token_endpoint": "https://evil.example/token"},
        {"device_authorization_endpoint": "https://evil.example/devicecode"},
        {"jwks_uri": "https://evil.example/keys"},
        {"authorization_endpoint": "http://localhost:1/authorize"},
        {"token_endpoint": 5},
    ],
)
def test_a_poisoned_document_is_left_out(poison: dict[str, Any], file: HttpCacheFile) -> None:
    """A document that names somebody else's endpoint is ignored even if its MAC is right."""
    file.store(KEY, _stored(DOCUMENT | poison))
    assert KEY not in HttpCache(file, ALLOWED)


@pytest.mark.parametrize(
    "answer",
    [
        _stored(age_s=3601),
        _stored(age_s=-3600),
        _stored(life_s=25 * 3600),
        _stored(life_s=10**9),
    ],
)
def test_times_are_not_believed(answer: StoredAnswer, file: HttpCacheFile, tmp_path: Path) -> None:
    """An answer that is old, from the future or too long-lived is ignored."""
    file._make_folder()
    file._replace({})
    body = json.dumps({KEY: vars(answer)}).encode()
    data = b"\n".join((b"nbauth-http-cache", b"1", file._mac(body), body))
    (tmp_path / "notebooks/.nbauth/http_cache").write_bytes(data)
    assert KEY not in HttpCache(file, ALLOWED)


def test_another_directory_and_another_key(
    file: HttpCacheFile, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A file copied from another folder, or written with another home directory, is ignored; nobody is accused."""
    file.store(KEY, _stored())
    other = tmp_path / "other"
    other.mkdir()
    (tmp_path / "notebooks/.nbauth").rename(other / ".nbauth")
    assert HttpCacheFile(other, tmp_path / "state", {}).load() == {}
    (other / ".nbauth").rename(tmp_path / "notebooks/.nbauth")
    assert file.load().keys() == {KEY}
    caplog.clear()
    with_second_home = HttpCacheFile(tmp_path / "notebooks", tmp_path / "state2", {})
    assert with_second_home.load() == {}
    (said,) = caplog.messages
    assert f"is ignored: the key in {tmp_path / 'state2'} does not fit it, as after a kernel with another home" in said
    assert "somebody" not in said
    with_second_home.store(KEY, _stored())
    assert with_second_home.load().keys() == {KEY}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=200)
@given(data=st.data())
def test_a_damaged_file(data: st.DataObject, file: HttpCacheFile, tmp_path: Path) -> None:
    """Whatever happens to the file, it is read as it was or as nothing, without an exception."""
    file.store(KEY, _stored())
    path = tmp_path / "notebooks/.nbauth/http_cache"
    good = path.read_bytes()
    at = data.draw(st.integers(0, len(good) - 1))
    how = data.draw(st.sampled_from(["cut", "flip", "insert"]))
    flipped = good[:at] + bytes([good[at] ^ data.draw(st.integers(1, 255))]) + good[at + 1 :]
    bad = {"cut": good[:at], "flip": flipped, "insert": good[:at] + data.draw(st.binary(min_size=1)) + good[at:]}[how]
    path.write_bytes(bad)
    assert bad == good or file.load() == {}
    path.write_bytes(good)


def test_not_a_plain_file(file: HttpCacheFile, tmp_path: Path) -> None:
    """A link, a pipe, a directory or an oversized file in its place is ignored at once."""
    file.store(KEY, _stored())
    path = tmp_path / "notebooks/.nbauth/http_cache"
    elsewhere = tmp_path / "elsewhere"
    path.rename(elsewhere)
    for make in (
        lambda: path.symlink_to(elsewhere),
        lambda: os.mkfifo(path),
        path.mkdir,
        lambda: path.symlink_to("/dev/zero"),
        lambda: path.write_bytes(b"x" * 200_000),
    ):
        make()
        assert file.load() == {}  # a pipe that was read, or all of /dev/zero, would have no end
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()


def test_it_goes_on_in_memory(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Where the directory cannot be written to, it says so once and sign-in goes on."""
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks/.nbauth").write_text("a file in its place")
    file = _file(tmp_path)
    cache = HttpCache(file, ALLOWED)
    for number in range(3):
        cache[KEY.replace("/t/", f"/t{number}/")] = _response(json.dumps(DOCUMENT))
    (said,) = [record.getMessage() for record in caplog.records]
    assert said.endswith("it is not a plain directory. Sign-in goes on without it.")


def test_memory_only_on_binder_and_below_version_control(tmp_path: Path) -> None:
    """On Binder, and where the key would lie in a cloned tree, nothing is written."""
    (tmp_path / "notebooks").mkdir()
    _file(tmp_path, BINDER_SERVICE_HOST="x").store(KEY, _stored())
    assert not (tmp_path / "notebooks/.nbauth").exists()
    (tmp_path / ".git").mkdir()
    file = _file(tmp_path)
    file.store(KEY, _stored())
    assert not (tmp_path / "notebooks/.nbauth/http_cache").exists()


def test_browser_endpoints_of_a_local_provider() -> None:
    """A provider on this machine may show its pages over plain http here; nothing else may."""
    local = frozenset({"localhost:8443"})
    document = {
        "authorization_endpoint": "http://localhost:8080/authorize",
        "token_endpoint": "https://localhost:8443/t",
    }
    assert endpoints_allowed(document, local)
    assert not endpoints_allowed(document | {"token_endpoint": "http://localhost:8443/t"}, local)
    assert not endpoints_allowed(document | {"authorization_endpoint": "http://evil.example/authorize"}, local)
    assert not endpoints_allowed(document, ALLOWED)


def test_second_kernel(demo: DemoServer, apart: Path) -> None:
    """A second kernel in the same directory makes no discovery request, and one request in all."""
    nbauth.login("nightly")
    assert demo.provider.requests.count("*/openid-configuration") == 1
    assert len(demo.provider.requests) == 2
    assert (apart / ".nbauth/http_cache").is_file()
    kernel.reset()
    demo.provider.requests.clear()
    nbauth.login("nightly")
    assert [(r.method, r.path.rsplit("/", 1)[-1]) for r in demo.provider.requests] == [("POST", "token")]


METADATA = [{"aliases": [HOST]}, {"aliases": ["login.other.example", "login.other2.example"]}]


@pytest.mark.parametrize(
    ("changes", "kept"),
    [
        ({}, True),
        ({"metadata": [*METADATA, {"aliases": [HOST, "evil.example"]}]}, False),
        ({"metadata": [{"aliases": [HOST.upper(), "evil.example"]}]}, False),
        ({"metadata": [{"aliases": "evil.example"}]}, False),
        ({"metadata": [{"aliases": [HOST, 5]}]}, False),
        ({"metadata": {"aliases": [HOST]}}, False),
        ({"metadata": 5}, False),
        ({"tenant_discovery_endpoint": "https://evil.example/.well-known/openid-configuration"}, False),
        ({"tenant_discovery_endpoint": f"http://{HOST}/.well-known/openid-configuration"}, False),
    ],
    ids=str,
)
def test_instance_discovery(file: HttpCacheFile, tmp_path: Path, changes: dict[str, Any], kept: bool) -> None:  # noqa: FBT001
    """Instance discovery is kept for the next kernel, unless it calls another host an alias or names one's endpoint."""
    key = f"GET https://{HOST}/common/discovery/instance hash={sha256(b'x').hexdigest()} 2xx"
    document = {"tenant_discovery_endpoint": URL, "metadata": METADATA, **changes}
    HttpCache(file, ALLOWED)[key] = _response(json.dumps(document))
    assert kept is (key in HttpCache(_file(tmp_path), ALLOWED))
    file.store(key, _stored(document))  # as another kernel of the same user would, for a profile that trusts more
    assert kept is (key in HttpCache(_file(tmp_path), ALLOWED))
