"""The system's own authorities: a company's certificate is known without a word in the profile."""

from __future__ import annotations

import os
import ssl
from typing import TYPE_CHECKING, Any

import certifi
import pytest
import requests
import truststore
from loopback_api import Server, as_json
from odd_certificates import Authority

from nbauth.net import system_store as stores
from nbauth.net.bundles import bundle_of
from nbauth.net.system_store import system_store
from nbauth.net.tls import Trust, TrustAdapter, trust_context

if TYPE_CHECKING:
    from pathlib import Path

VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")


@pytest.fixture
def company(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Authority, Path]:
    """Return a company's authority, in a directory as OpenSSL looks it up, and the directory of a notebook."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "etc").mkdir()
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    authority = Authority(tmp_path / "etc", is_strict=False)
    (tmp_path / "etc" / authority.hashed_name).symlink_to(authority.file)
    return authority, tmp_path / "work"


def _get(authority: Authority, context: ssl.SSLContext) -> Any:
    server = Server(authority.server())
    server.routes["/x"] = as_json({"a": 1})
    try:
        with requests.Session() as session:
            session.trust_env = False
            session.mount("https://", TrustAdapter(context))
            return session.get(f"{server.origin}/x", timeout=10).json()
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(("variable", "place"), [("SSL_CERT_FILE", "authority.pem"), ("SSL_CERT_DIR", ".")])
def test_a_companys_authority(
    variable: str, place: str, company: tuple[Authority, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server is known by an authority of the system's, in a file or a directory, and not without it."""
    authority, notebook = company
    with pytest.raises(requests.exceptions.SSLError, match="local issuer"):
        _get(authority, Trust.of_environment(untrusted=notebook).context(()))
    before = Trust.of_environment(untrusted=notebook).fingerprint(())
    monkeypatch.setenv(variable, f"{authority.file.parent / place}\n")
    trust = Trust.of_environment(untrusted=notebook)
    assert _get(authority, trust.context(())) == {"a": 1}
    assert trust.fingerprint(()) != before
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", certifi.where())
    with pytest.raises(requests.exceptions.SSLError, match="local issuer"):  # who names a bundle means it alone
        _get(authority, Trust.of_environment(untrusted=authority.file.parent / "elsewhere").context(()))


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_what_the_notebooks_tree_names(
    variable: str, company: tuple[Authority, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a variable names in the notebook's tree, by a relative path, or in a clone's .env, is not read."""
    authority, notebook = company
    usual = system_store({}, untrusted=notebook)
    folder = authority.file.parent
    value = str(authority.file if variable == "SSL_CERT_FILE" else folder)
    assert system_store({variable: value}, untrusted=notebook) != usual
    assert system_store({variable: value}, untrusted=folder) == usual
    assert system_store({variable: os.path.relpath(value)}, untrusted=notebook) == usual
    assert system_store({variable: f"{value}.gone"}, untrusted=notebook) == usual
    (notebook / ".env").write_text(f"{variable}={value}\n")
    assert system_store({variable: value}, untrusted=notebook) == usual


def test_where_the_system_keeps_them(
    company: tuple[Authority, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenSSL's directory is taken where it is one, then its file, then what other systems have."""
    authority, notebook = company
    folder, file, nowhere = str(authority.file.parent), str(authority.file), str(tmp_path / "nowhere")

    def compiled(cafile: str, capath: str) -> tuple[str, ...]:
        paths = ssl.DefaultVerifyPaths(None, None, "", cafile, "", capath)
        monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: paths)
        return system_store({}, untrusted=notebook)

    monkeypatch.setattr(stores, "_FILES", (nowhere, file))
    assert compiled(file, folder) == (folder,)
    assert compiled(file, nowhere) == (file,)
    assert compiled(nowhere, str(notebook)) == (file,)
    monkeypatch.setattr(stores, "_FILES", ())
    assert compiled(nowhere, nowhere) == ()


def test_a_store_that_holds_no_certificates(company: tuple[Authority, Path]) -> None:
    """A file of the system's that cannot be read as certificates is passed over."""
    authority, notebook = company
    (notebook / "broken.pem").write_text("nothing")
    context = trust_context(system=(str(notebook / "broken.pem"), str(authority.file)))
    assert _get(authority, context) == {"a": 1}


def test_certificates_of_proxies_that_inspect(company: tuple[Authority, Path]) -> None:
    """What Python 3.13's strict flag refuses, as such proxies make it, is taken from an authority that is trusted."""
    authority, _ = company
    context = trust_context(str(authority.file))
    assert _get(authority, context) == {"a": 1}
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    with pytest.raises(requests.exceptions.SSLError, match=r"(?i)not marked critical|key identifier|key usage"):
        _get(authority, context)


def test_where_the_system_verifies(company: tuple[Authority, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system verifies by itself truststore asks it; the bundle of a profile adds to what it knows."""
    authority, notebook = company
    monkeypatch.setattr(stores, "SYSTEM_VERIFIES", True)
    trust = Trust.of_environment(untrusted=notebook)
    assert isinstance(trust.context(()), truststore.SSLContext)
    assert trust.context(()).minimum_version == ssl.TLSVersion.TLSv1_2
    assert trust.fingerprint(()).startswith("system")
    with pytest.raises(requests.exceptions.SSLError, match="local issuer"):
        _get(authority, trust.context(()))
    bundle = bundle_of(str(authority.file))
    assert bundle is not None
    assert _get(authority, trust.context((bundle,))) == {"a": 1}
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))  # what stands for the system in truststore on Linux
    assert _get(authority, trust.context(())) == {"a": 1}
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", certifi.where())
    named = Trust.of_environment(untrusted=authority.file.parent / "elsewhere")
    assert not isinstance(named.context(()), truststore.SSLContext)
