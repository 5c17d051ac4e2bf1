"""A sign-in that was there already and does not fit: no error shows its token, nor that of this server."""

from __future__ import annotations

import os
import sys
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from fake_az import FakeAz, token_with
from loopback_api import Reply, as_json, serving
from rendered_exceptions import leaks

import nbauth
from nbauth import kernel
from nbauth.errors import NbauthError

if TYPE_CHECKING:
    from pathlib import Path

APIS = {"https://x.example": ["api://nbauth-demo/.default"]}
OF_SERVER = "the-token-of-this-server"
WRONG = {"another API's": {"aud": "https://vault.azure.net"}, "ended": {"exp": 1}}


@pytest.mark.parametrize("wrong", list(WRONG))
@pytest.mark.parametrize("source", ["az", "hub", "fabric"])
def test_tokens_that_do_not_fit(source: Any, wrong: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No frame of the error holds the token that was refused, in `login` or where a load takes it."""
    token = token_with(**WRONG[wrong])
    nbauth.add_profile(nbauth.Profile("lab", source=source, apis=APIS))
    with serving() as hub:
        _offer(token, hub, tmp_path, monkeypatch)
        for act in (lambda: nbauth.login("lab"), lambda: nbauth.read("https://x.example/rows")):
            with pytest.raises(NbauthError) as caught:
                act()
            assert leaks(caught.value, {token, OF_SERVER}) == []


@pytest.mark.parametrize("reply", [Reply(reset=True), Reply(status=500), Reply(b"{")], ids=["reset", "500", "no JSON"])
def test_a_hub_that_fails(reply: Reply, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No frame and no request of the error holds the token that the hub was asked with."""
    nbauth.add_profile(nbauth.Profile("lab", source="hub", apis=APIS))
    with serving() as hub:
        _offer("none", hub, tmp_path, monkeypatch)
        hub.routes["/user"] = reply
        with pytest.raises(NbauthError) as caught:
            nbauth.login("lab")
        assert leaks(caught.value, {OF_SERVER}) == []


@pytest.mark.parametrize("source", ["az", "hub", "fabric"])
def test_tokens_that_cannot_be_sent(source: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A token that no header can carry is not quoted by the error of whoever would encode it."""
    token = f"{token_with(scp='.default')}…"
    nbauth.add_profile(nbauth.Profile("lab", source=source, apis=APIS))
    with serving() as hub:
        _offer(token, hub, tmp_path, monkeypatch)
        with pytest.raises(NbauthError, match="gave a token that no request can carry") as caught:
            nbauth.login("lab")
        assert leaks(caught.value, {token, token[:-1]}) == []


def test_a_hub_s_token_that_cannot_be_sent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The same holds for the token that the hub would be asked with."""
    nbauth.add_profile(nbauth.Profile("lab", source="hub", apis=APIS))
    with serving() as hub:
        _offer("none", hub, tmp_path, monkeypatch)
        monkeypatch.setenv("JUPYTERHUB_API_TOKEN", f"{OF_SERVER}…")
        with pytest.raises(NbauthError, match="is one that no request can carry") as caught:
            nbauth.login("lab")
        assert leaks(caught.value, {OF_SERVER}) == []
        assert hub.seen == []


def test_somebody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No frame of the error holds either person's token where another one is there in mid-kernel."""
    made = nbauth.Profile("lab", source="az", apis=APIS)
    nbauth.add_profile(made)
    first, second = token_with(), token_with(oid="of-bob", upn="bob@contoso.example")
    with serving() as hub:
        _offer(first, hub, tmp_path, monkeypatch)
        nbauth.login("lab")
        credential = kernel.credential_of(made, made.login_scopes)
        (tmp_path / "programs" / "get-access-token").write_text(f'{{"accessToken": "{second}"}}')
        with pytest.raises(NbauthError, match="is now signed in as bob") as caught:
            credential.token(made.login_scopes, rejected=first)
        assert leaks(caught.value, {first, second}) == []


def _offer(token: str, hub: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every source have a token."""
    az = FakeAz(tmp_path / "programs")
    az.gives(token)
    monkeypatch.setenv("PATH", f"{az.folder}{os.pathsep}{os.environ['PATH']}")
    module = ModuleType("notebookutils")
    module.credentials = SimpleNamespace(getToken=lambda _: token)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "notebookutils", module)
    monkeypatch.setenv("JUPYTERHUB_API_URL", hub.origin)
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", OF_SERVER)
    hub.routes["/user"] = as_json({"name": "alice", "scopes": ["admin:auth_state!user=alice"]})
    hub.routes["/users/alice"] = as_json({"auth_state": {"access_token": token}})
