"""What is said where certificates, TLS or a proxy keep an API from being read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from loads import read
from loopback_api import Server
from odd_certificates import Authority

from nbauth.data.fetch.session import Session
from nbauth.errors import DataError
from nbauth.net.origins import origin_of

if TYPE_CHECKING:
    from pathlib import Path

    from loopback_api import FakeAuthorizer


def _said(authorizer: FakeAuthorizer, origin: str) -> str:
    authorizer.listed.add(origin_of(origin))
    with Session(authorizer) as session, pytest.raises(DataError) as caught:
        read(session, f"{origin}/x")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_certificates(authorizer: FakeAuthorizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An API's certificate is spoken of as a provider's is."""
    authority = Authority(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.file))
    monkeypatch.chdir("/")
    for context, words in (
        (authority.self_signed(), "is not trusted: it is self-signed. If it is issued inside your organisation"),
        (authority.server(days=(-20, -10)), "has expired. Check the clock of this machine"),
    ):
        server = Server(context)
        host = server.origin.removeprefix("https://")
        assert f"{host}/x could not be read: the certificate of {host} {words}" in _said(authorizer, server.origin)
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("variable", ["ALL_PROXY", "https_proxy"])
@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("http://127.0.0.1:9", "could not be read: the proxy http://127.0.0.1:9 ({}) cannot be reached. Check {}."),
        ("http://[::1", "could not be read: the address of the proxy ({}) cannot be read."),
        ("socks9://127.0.0.1:9", "could not be read: the address of the proxy ({}) cannot be read."),
    ],
)
def test_proxies(
    variable: str, address: str, words: str, authorizer: FakeAuthorizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy that cannot be used is named with its variable, and the URL is not blamed."""
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, address)
    said = _said(authorizer, "https://api.example.org")
    assert words.replace("{}", variable) in said
    assert "https://api.example.org/x" in said
