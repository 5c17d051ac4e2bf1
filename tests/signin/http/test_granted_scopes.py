from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import pytest

import nbauth
from nbauth.environment import detect
from nbauth.errors import ScopesNotGrantedWarning
from nbauth.frontend import not_granted as telling
from nbauth.signin.http import transport
from nbauth.signin.http.granted_scopes import not_granted

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbauth.demo.server import DemoServer

GRAPH = "https://graph.microsoft.com"


@pytest.mark.parametrize(
    ("asked", "granted", "left_out"),
    [
        ("read", "openid profile", "read"),
        ("read write", "read", "write"),
        ("read write", "write READ", ""),
        ("read", None, ""),
        ("read", "", ""),
        ("read", 7, ""),
        ("read write", "read,write", ""),
        (f"{GRAPH}/User.Read", "openid User.Read", ""),
        ("User.Read", f"{GRAPH}/User.Read {GRAPH}/.default", ""),
        (f"{GRAPH}/Mail.Read {GRAPH}/User.Read", f"{GRAPH}/User.Read", f"{GRAPH}/Mail.Read"),
        ("api://a/Read", "api://b/Read", "api://a/Read"),
        (f"{GRAPH}/.default", f"{GRAPH}/User.Read", ""),
        ("openid profile email offline_access", "read", ""),
        ("https://www.googleapis.com/auth/drive email", "openid", "https://www.googleapis.com/auth/drive"),
    ],
)
def test_what_was_left_out(asked: str, granted: Any, left_out: str) -> None:
    """Scopes are left out that an answer does not name in any way in which providers write them."""
    assert not_granted(tuple(asked.split()), granted) == tuple(left_out.split())


@pytest.fixture
def unticked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The provider grants what OpenID asks for, and nothing else."""
    accept = transport.GuardedTransport._accept

    def narrow(self: Any, response: Any, body: bytes, url: str, **how: bool) -> Any:
        answer = accept(self, response, body, url, **how)
        document = json.loads(answer.text)
        return dataclasses.replace(answer, text=json.dumps({**document, "scope": "openid profile"}))

    monkeypatch.setattr(transport.GuardedTransport, "_accept", narrow)


@pytest.mark.usefixtures("unticked")
def test_a_person_who_unticked_a_scope(demo: DemoServer, person: Callable[..., Any]) -> None:
    """A sign-in that brings fewer scopes than it asked for says at once which, and how to be asked again."""
    with pytest.warns(ScopesNotGrantedWarning, match=r'Data\.Read.*nbauth\.logout\("demo"\), then nbauth\.login'):
        account = nbauth.login("demo", flow="paste", prompt=person(), timeout_s=20)
    assert account.not_granted == ("api://nbauth-demo/Data.Read", "api://nbauth-demo/Profile.Read")


@pytest.mark.usefixtures("demo")
def test_in_a_notebook(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """In a notebook it is a line of the output."""
    monkeypatch.setattr(telling, "detect", lambda: dataclasses.replace(detect(), front_end="lab"))
    account = nbauth.Account(
        username="a", tenant_id="", home_account_id="a", profile="demo", expires_at=None, not_granted=("read",)
    )
    telling.tell_not_granted(account, stacklevel=1)
    assert "did not grant these scopes, which were asked for: read. If they are needed" in capsys.readouterr().out
