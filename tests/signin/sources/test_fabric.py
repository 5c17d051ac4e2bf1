"""`source = "fabric"`: what is asked of `notebookutils`, which is a stand-in here."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from fake_az import token_with

import nbauth
from nbauth import kernel
from nbauth.errors import ProviderUnavailable, SignInFailed, SignInRequired

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from nbauth.demo.server import DemoServer

STORAGE = {"https://contoso.blob.core.windows.net": ["https://storage.azure.com/.default"]}


class FakeNotebookUtils(ModuleType):
    """The module as Fabric has it.

    Args:
        token: what it gives.
    """

    def __init__(self, token: Any) -> None:
        super().__init__("notebookutils")
        self.asked: list[str] = []
        self.token = token
        self.credentials = SimpleNamespace(getToken=self._get_token)
        self.runtime = SimpleNamespace(context={"userId": "of-alice", "userName": "alice@contoso.example"})

    def _get_token(self, audience: str) -> Any:
        self.asked.append(audience)
        if isinstance(self.token, Exception):
            raise self.token
        return self.token


@pytest.fixture
def utils(monkeypatch: pytest.MonkeyPatch) -> FakeNotebookUtils:
    """The stand-in, imported already, with a token for storage."""
    module = FakeNotebookUtils(token_with(aud="https://storage.azure.com"))
    monkeypatch.setitem(sys.modules, "notebookutils", module)
    return module


def test_a_load(utils: FakeNotebookUtils, demo: DemoServer, profile: Any, token_of: Callable[[str], str]) -> None:
    """A load works in such a notebook with no sign-in by nbauth."""
    utils.token = token_of("alice")
    profile("fabric", apis={demo.api_origin: ["api://nbauth-demo/.default"]})
    assert len(nbauth.read(f"{demo.api_url}/me", profile="lab")) == 1
    (account,) = nbauth.accounts()
    assert (account.source, account.username) == ("fabric", "alice@contoso.example")
    assert utils.asked == ["api://nbauth-demo"]


def test_its_names_for_resources(utils: FakeNotebookUtils, profile: Any) -> None:
    """A resource that it has a name for is asked for by that."""
    profile("fabric", apis=STORAGE)
    nbauth.login("lab")
    assert utils.asked == ["storage"]


def test_synapse(monkeypatch: pytest.MonkeyPatch, profile: Any) -> None:
    """In Synapse the same is below `mssparkutils`."""
    inner, module = FakeNotebookUtils(token_with(aud="https://storage.azure.com")), ModuleType("notebookutils")
    module.mssparkutils = inner  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "notebookutils", module)
    profile("fabric", apis=STORAGE)
    assert nbauth.login("lab").source == "fabric"


@pytest.mark.parametrize("name", ["notebookutils.py", "notebookutils/__init__.py", "notebookutils/credentials.py"])
def test_elsewhere(name: str, profile: Any, apart: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the service is not there that is said; a module of that name in the notebook's folder is not run."""
    (apart / name).parent.mkdir(exist_ok=True)
    (apart / name).write_text("raise SystemExit('was run')")
    monkeypatch.syspath_prepend(str(apart))
    profile("fabric", apis=STORAGE)
    with pytest.raises(SignInRequired, match="fabric: there is no notebookutils here"):
        nbauth.login("lab")


def test_a_token_that_cannot_be_read(utils: FakeNotebookUtils, profile: Any) -> None:
    """Of a token that is no JWT, the service says whose it is."""
    utils.token = "opaque-and-long-enough"
    profile("fabric", apis=STORAGE)
    assert nbauth.login("lab").username == "alice@contoso.example"


@pytest.mark.parametrize(
    ("token", "kind", "problem"),
    [
        (token_with(aud="https://vault.azure.net"), SignInFailed, "gave a token for 'https://vault.azure.net'"),
        (token_with(aud="https://storage.azure.com", exp=1), SignInFailed, "gave a token that has ended"),
        (None, SignInFailed, "answered without an access token"),
        (RuntimeError("eyJhbGciOiJIUzI1NiJ9.secret"), ProviderUnavailable, "has no token for .*: RuntimeError"),
    ],
)
def test_what_does_not_fit(
    token: Any, kind: type[Exception], problem: str, utils: FakeNotebookUtils, profile: Any
) -> None:
    """What is no token for the row is an error, with nothing in it of what the service said."""
    utils.token = token
    profile("fabric", apis=STORAGE)
    with pytest.raises(kind, match=problem) as raised:
        nbauth.login("lab")
    assert "eyJ" not in str(raised.value)


def test_single_scopes(utils: FakeNotebookUtils, profile: Any) -> None:
    """A row with single scopes, which the service does not know, is an error that says how to write it."""
    profile("fabric")
    with pytest.raises(SignInFailed, match=r"gives whole resources only.*/\.default"):
        nbauth.login("lab")


def test_another_person(utils: FakeNotebookUtils, profile: Any) -> None:
    """When somebody else runs the notebook on, a running kernel goes on as nobody until the next `login`."""
    made = profile("fabric", apis=STORAGE)
    nbauth.login("lab")
    credential = kernel.credential_of(made, made.login_scopes)
    rejected = credential.token(made.login_scopes)
    utils.token = token_with(aud="https://storage.azure.com", oid="of-bob", upn="bob@contoso.example")
    with pytest.raises(SignInRequired, match=r"Fabric is now signed in as bob@contoso\.example"):
        credential.token(made.login_scopes, rejected=rejected)
