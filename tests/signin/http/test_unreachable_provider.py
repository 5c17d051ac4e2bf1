"""What is said where certificates, TLS or a proxy keep a provider from being reached."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from typing import TYPE_CHECKING

import pytest
import requests
from loopback_api import Server
from odd_certificates import Authority
from urllib3.connection import HTTPSConnection
from urllib3.connectionpool import HTTPSConnectionPool

import nbauth
from nbauth import kernel
from nbauth.errors import ProviderUnavailable
from nbauth.net.proxies import proxy_for
from nbauth.net.requests_internals import pools_of
from nbauth.net.tls import trust_context
from nbauth.net.unreachable import failure_of
from nbauth.signin.http.deadline import DeadlineAdapter
from nbauth.signin.profile.profile import Profile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PROXIES = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY")


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)


def _said(origin: str, ca_bundle: Path | None = None) -> str:
    """Return what a sign-in at an origin says, in one line."""
    profile = Profile(
        "p",
        client_id="id",
        oidc_authority=f"{origin}/realm",
        apis={"https://api.example.com": ["scope"]},
        ca_bundle=None if ca_bundle is None else str(ca_bundle),
        timeout_s=5,
    )
    kernel.add_profile(profile)
    with pytest.raises(ProviderUnavailable) as caught:
        nbauth.client("p")
    assert "\n" not in str(caught.value)
    error: BaseException | None = caught.value
    while error is not None:  # tools show these, too
        assert "hunter2" not in repr(error)
        error = error.__context__
    return str(caught.value)


@contextlib.contextmanager
def _plain(answer: bytes) -> Iterator[int]:
    """Answer whatever is sent, without TLS."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def run() -> None:
            with contextlib.suppress(OSError):
                while True:
                    client, _ = listening.accept()
                    with client:
                        client.recv(65536)
                        client.sendall(answer)

        threading.Thread(target=run, daemon=True).start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)


CERTIFICATES: dict[str, tuple[Callable[[Authority], ssl.SSLContext], str]] = {
    "expired": (lambda authority: authority.server(days=(-20, -10)), "has expired. Check the clock"),
    "early": (lambda authority: authority.server(days=(10, 20)), "is not valid yet. Check the clock"),
    "name": (lambda authority: authority.server("other.example.org"), "is for another name. Check the address"),
    "unknown": (lambda authority: authority.server(), "is not trusted: its authority is not known here. If"),
    "self": (lambda authority: authority.self_signed(), "is not trusted: it is self-signed. If"),
}


@pytest.mark.parametrize("kind", CERTIFICATES)
def test_certificates(kind: str, tmp_path: Path) -> None:
    """A certificate's own trouble is named, and a further authority is advised only where it would help."""
    make, words = CERTIFICATES[kind]
    authority = Authority(tmp_path)
    server = Server(make(authority))
    is_cured = kind in ("unknown", "self")
    said = _said(server.origin, None if is_cured else authority.file)
    assert f"the certificate of {server.origin.removeprefix('https://')} {words}" in said
    assert ("ca_bundle" in said) is is_cured
    server.shutdown()
    server.server_close()


def test_a_bundle_that_holds_another_authority(tmp_path: Path) -> None:
    """Where a profile names authorities already, its file is named, and not the key that is there."""
    (tmp_path / "own").mkdir()
    server = Server(Authority(tmp_path).self_signed())
    own = Authority(tmp_path / "own").file
    said = _said(server.origin, own)
    assert f"is not trusted: it is self-signed. Neither is it known by ca_bundle: check that {own} holds" in said
    server.shutdown()
    server.server_close()


def test_no_tls_at_all() -> None:
    """A port that speaks plain http is said to speak no TLS; one that says nothing ends the handshake."""
    with _plain(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n") as port:
        said = _said(f"https://localhost:{port}")
        assert f"localhost:{port} does not speak TLS on that port. Check the host and the port." in said
    with _plain(b"") as port:
        said = _said(f"https://localhost:{port}")
        assert "ca_bundle" not in said


@pytest.mark.parametrize("variable", ["ALL_PROXY", "https_proxy"])
@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("http://127.0.0.1:9", "the proxy http://127.0.0.1:9 ({}) cannot be reached. Check {}."),
        ("http://me:hunter2@127.0.0.1:9", "the proxy http://127.0.0.1:9 ({}) cannot be reached."),
        (
            "http://me:hun/ter2@127.0.0.1:9",
            "the address of the proxy ({}) cannot be read. Write it as http://HOST:PORT",
        ),
        ("127.0.0.1:9", "the proxy http://127.0.0.1:9 ({}) cannot be reached."),
        ("http://nobody.invalid:9", "the proxy http://nobody.invalid:9 ({}) cannot be reached: there is no such host."),
        ("http://", "the address of the proxy ({}) cannot be read."),
        ("http://proxy:notaport", "the address of the proxy ({}) cannot be read."),
        ("ftp://127.0.0.1:9", "the address of the proxy ({}) cannot be read."),
        ("socks9://127.0.0.1:9", "the address of the proxy ({}) cannot be read."),
    ],
)
def test_proxies(variable: str, address: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that cannot be used is named with its variable and without its password; the provider is not blamed."""
    monkeypatch.setenv(variable, address)
    said = _said("https://login.example.org")
    assert words.replace("{}", variable) in said
    assert "hun" not in said
    assert "does not know" not in said


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (
            "407 Proxy Authentication Required",
            "asks for a user name and password (407). Write it as http://USER:PASSWORD@",
        ),
        ("403 Forbidden", "does not connect to login.example.org: 403 Forbidden. Ask whoever runs the proxy"),
    ],
)
def test_a_proxy_that_refuses(answer: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a proxy answers is shown as the proxy's answer, not the provider's."""
    with _plain(f"HTTP/1.1 {answer}\r\nContent-Length: 0\r\n\r\n".encode()) as port:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
        assert f"the proxy http://127.0.0.1:{port} (HTTPS_PROXY) {words}" in _said("https://login.example.org")
        monkeypatch.setenv("HTTPS_PROXY", f"https://127.0.0.1:{port}")
        assert "does not speak TLS itself. Write it with http:// in HTTPS_PROXY." in _said("https://login.example.org")


def test_who_named_a_proxy() -> None:
    """The variable that counts is named, small letters first; no host of NO_PROXY has one."""
    url = "https://login.example.org/x"
    own = proxy_for(url, {"https": "http://proxy.example.org:3128"})
    assert str(own) == "the proxy http://proxy.example.org:3128 (proxies in the profile)"
    assert proxy_for(url, {}) is None


def test_connections_of_another_kind() -> None:
    """Connections that can be ended stay what they are, such as those that alone know their SOCKS proxy."""

    class SocksConnection(HTTPSConnection):
        pass

    class SocksPool(HTTPSConnectionPool):
        ConnectionCls = SocksConnection

    adapter = DeadlineAdapter(trust_context())
    proxy = "http://proxy.example.org:3128"
    adapter.proxy_manager_for(proxy).pool_classes_by_scheme["https"] = SocksPool
    pools = {pools_of(adapter.proxy_manager_for(proxy)) for _ in range(2)}
    assert len(pools) == 1
    assert all(issubclass(pool, SocksPool) and issubclass(pool.ConnectionCls, SocksConnection) for pool in pools)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("\u201clocalhost\u201d certificate is expired", "has expired"),
        ("A required certificate is not within its validity period when verifying", "has expired"),
        ("The certificate's CN name does not match the passed value.", "is for another name"),
        ("\u201clocalhost\u201d certificate is not trusted", "is not trusted: its authority is not known here"),
        ("terminated in a root certificate which is not trusted by the trust provider.", "is not trusted"),
        ("etwas anderes.", "is not accepted: etwas anderes"),
    ],
)
def test_words_of_other_systems(words: str, said: str) -> None:
    """What Windows and macOS say of a certificate is told apart by their words; their numbers are their own."""
    error = ssl.SSLCertVerificationError(words)
    error.verify_message, error.verify_code = words, 0x800B0101
    failure = failure_of(requests.exceptions.SSLError(error), "localhost", None)
    assert failure is not None
    assert f"the certificate of localhost {said}" in failure.what
