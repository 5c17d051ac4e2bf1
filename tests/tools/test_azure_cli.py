"""The real az, signed in at the demo provider as an application, and nbauth with its sign-in."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from installed_programs import python_environment
from loopback_api import as_json, serving

import nbauth
from nbauth import kernel
from nbauth.demo.api.api import API_IDENTIFIER
from nbauth.demo.certificates import make_server_tls
from nbauth.errors import ProviderUnavailable, SignInRequired

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from nbauth.demo.server import DemoServer

pytestmark = pytest.mark.timeout(400)  # it is large where it is not installed yet

OTHER_TENANT = "99999999-2222-4333-8444-555555555555"


@pytest.fixture(scope="module")
def program() -> Path:
    """The real az, in an environment of its own."""
    return python_environment(Path(__file__).parent / "azure_cli" / "requirements.txt") / "bin" / "az"


@pytest.fixture
def az(
    program: Path, demo: DemoServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., subprocess.CompletedProcess[str]]]:
    """What runs az, on PATH, with the demo in the place of Azure; its Resource Manager knows no subscription."""
    (tmp_path / "tls").mkdir()
    tls = make_server_tls(tmp_path / "tls")
    with serving(tls=tls.context) as manager:
        manager.routes["/subscriptions"] = as_json({"value": []})
        bundle = tmp_path / "all.pem"
        bundle.write_text(demo.ca_file.read_text() + tls.ca_file.read_text())
        monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
        monkeypatch.setenv("AZURE_CONFIG_DIR", str(tmp_path / "azure"))
        monkeypatch.setenv("AZURE_CORE_COLLECT_TELEMETRY", "false")
        monkeypatch.setenv("AZURE_CORE_INSTANCE_DISCOVERY", "false")
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))

        def run(*arguments: str) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [program, *arguments], cwd="/", check=True, capture_output=True, text=True, timeout=60
            )

        places = {
            "active-directory": demo.authority.rpartition("/")[0],
            "resource-manager": manager.origin,
            "active-directory-resource-id": API_IDENTIFIER,
            "management": API_IDENTIFIER,
            "active-directory-graph-resource-id": "https://graph.example/",
        }
        options = [part for name, place in places.items() for part in (f"--endpoint-{name}", place)]
        run("cloud", "register", "--name", "demo", "--skip-endpoint-discovery", *options)
        run("cloud", "set", "--name", "demo")
        yield run


def _add(demo: DemoServer, **keys: Any) -> nbauth.Profile:
    made = nbauth.Profile("lab", source="az", apis={demo.api_origin: [f"{API_IDENTIFIER}/.default"]}, **keys)
    nbauth.add_profile(made)
    return made


def test_the_real_az(az: Callable[..., Any], demo: DemoServer) -> None:
    """Before `az login` the error says what to type; after it a load works, and after `az logout` the error is back."""
    made = _add(demo, authority=demo.authority, ca_bundle=demo.ca_file)
    with pytest.raises(SignInRequired, match="az: nobody is signed in to it"):
        nbauth.login("lab")
    tenant = demo.authority.rpartition("/")[2]
    who = ("--username", demo.confidential_client_id, "--password", demo.client_secret, "--tenant", tenant)
    az("login", "--service-principal", *who, "--allow-no-subscriptions")
    account = nbauth.login("lab")
    found = (account.source, account.kind, account.username, account.tenant_id)
    assert found == ("az", "application", demo.confidential_client_id, tenant)
    assert len(nbauth.read(f"{demo.api_url}/sunlight", profile="lab")) > 0
    credential = kernel.credential_of(made, made.login_scopes)
    token = credential.token(made.login_scopes)
    with pytest.raises(SignInRequired, match="az gives the same one again"):
        credential.token(made.login_scopes, rejected=token)
    az("logout")
    with pytest.raises(SignInRequired, match="nobody is signed in to it"):
        nbauth.login("lab")


def test_another_tenant(az: Callable[..., Any], demo: DemoServer) -> None:
    """A profile of another tenant gets no token of az's."""
    tenant = demo.authority.rpartition("/")[2]
    who = ("--username", demo.confidential_client_id, "--password", demo.client_secret, "--tenant", tenant)
    az("login", "--service-principal", *who, "--allow-no-subscriptions")
    _add(demo, tenant=OTHER_TENANT)
    with pytest.raises(ProviderUnavailable, match=f"az has no token for .*{OTHER_TENANT}"):
        nbauth.login("lab")
