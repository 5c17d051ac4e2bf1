"""`source = "databricks"`: databricks-sdk's own strategy, with a stand-in for the runtime and for the workspace."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from loopback_api import as_json, serving

import nbauth
from nbauth import kernel
from nbauth.errors import ProviderUnavailable, SignInFailed, SignInRequired

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loopback_api import Server

ME = "/api/2.0/preview/scim/v2/Me"
ROWS = "/api/2.0/rows"


class _Namespace:
    """What a notebook of Databricks has in its namespace: nothing that is asked for here."""

    @classmethod
    def getOrCreate(cls) -> _Namespace:  # noqa: N802 - its name there
        return cls()

    def get_namespace_globals(self) -> dict[str, Any]:
        return {}


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """The modules by which a runtime of Databricks tells the SDK who runs a notebook."""
    told = SimpleNamespace(init=lambda: (None, None))
    native, base = ModuleType("dbruntime.sdk_credential_provider"), ModuleType("dbruntime")

    def init() -> Any:
        return told.init()

    native.init_runtime_native_auth = init  # type: ignore[attr-defined]
    base.UserNamespaceInitializer = _Namespace  # type: ignore[attr-defined]
    for module in (base, native):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setenv("DATABRICKS_RUNTIME_VERSION", "16.4")
    yield told
    sys.modules.pop("databricks.sdk.runtime", None)  # it looks for the runtime when it is imported


@pytest.fixture
def workspace(runtime: SimpleNamespace) -> Iterator[Server]:
    """A workspace whose notebook this is, run by alice."""
    with serving() as server:
        server.routes[ME] = as_json({"id": "1", "userName": "alice@contoso.example", "displayName": "Alice"})
        server.routes[ROWS] = as_json([{"n": 1}])
        runtime.init = lambda: (server.origin, lambda: {"Authorization": "Bearer dapi-of-the-notebook"})
        yield server


def _add(origin: str) -> nbauth.Profile:
    made = nbauth.Profile("lab", source="databricks", apis={origin: ["all-apis"]})
    nbauth.add_profile(made)
    return made


def test_a_load(workspace: Server) -> None:
    """A load from the workspace works with the notebook's own sign-in."""
    _add(workspace.origin)
    assert list(nbauth.read(f"{workspace.origin}{ROWS}")["n"]) == [1]
    (account,) = nbauth.accounts()
    assert (account.source, account.username, account.name) == ("databricks", "alice@contoso.example", "Alice")
    assert {seen.token for seen in workspace.seen} == {"dapi-of-the-notebook"}


def test_another_host(workspace: Server) -> None:
    """The token is for the workspace, and is sent to no other row of `apis`."""
    _add("https://api.example.com")
    with pytest.raises(SignInFailed, match=r"and the row is of https://api\.example\.com"):
        nbauth.login("lab")
    assert workspace.seen == []


def test_another_person(workspace: Server) -> None:
    """When the workspace knows the notebook as somebody else's, a running kernel goes on as nobody."""
    made = _add(workspace.origin)
    nbauth.login("lab")
    workspace.routes[ME] = as_json({"id": "2", "userName": "bob@contoso.example"})
    credential = kernel.credential_of(made, made.login_scopes)
    rejected = credential.token(made.login_scopes)
    with pytest.raises(SignInRequired, match=r"now signed in as bob@contoso\.example"):
        credential.token(made.login_scopes, rejected=rejected)


def test_elsewhere(workspace: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Elsewhere than in a notebook of Databricks that is said."""
    _add(workspace.origin)
    monkeypatch.delenv("DATABRICKS_RUNTIME_VERSION")
    with pytest.raises(SignInRequired, match="databricks: this is no notebook of Databricks"):
        nbauth.login("lab")


def test_a_runtime_that_fails(workspace: Server, runtime: SimpleNamespace) -> None:
    """An error of the runtime's own is told by its kind, with nothing of its text."""

    def fail() -> Any:
        raise RuntimeError("dapi-secret")

    runtime.init = fail
    _add(workspace.origin)
    with pytest.raises(ProviderUnavailable, match="has no token: RuntimeError") as raised:
        nbauth.login("lab")
    assert "dapi-secret" not in str(raised.value)
