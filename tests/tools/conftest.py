"""Servers that nobody here wrote, each started once, and the profiles whose rows name them."""

from __future__ import annotations

import dataclasses
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import postgres_server
import pytest
import sql_server_stub
from installed_programs import node_packages

import nbauth
from nbauth import kernel
from nbauth.demo.certificates import make_server_tls

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from postgres_server import Postgres
    from sql_server_stub import SqlServer

    from nbauth.demo.check import PersonPrompt
    from nbauth.demo.server import DemoServer

HERE = Path(__file__).parent
STORAGE = "https://storage.azure.com"
_SERVICES = ("blob", "queue", "table")
_LISTENS = re.compile(r"Azurite (\w+) service is successfully listening at (https://127\.0\.0\.1:\d+)")
_END_S = 10


@dataclass(frozen=True)
class Azurite:
    """Azure Storage's emulator over https. It checks a token's times, issuer and audience, and not its signature.

    Attributes:
        blob, queue, table: the origins of its services, as rows of `apis` name them.
        ca_file: the authority that its certificate is from: the demo's.
    """

    blob: str
    queue: str
    table: str
    ca_file: Path

    account: str = "devstoreaccount1"

    @property
    def origins(self) -> tuple[str, str, str]:
        """All three."""
        return (self.blob, self.queue, self.table)

    @property
    def blob_url(self) -> str:
        """What a client of blobs is given as its `account_url`."""
        return f"{self.blob}/{self.account}"

    @property
    def queue_url(self) -> str:
        """The same for queues."""
        return f"{self.queue}/{self.account}"

    @property
    def table_url(self) -> str:
        """The same for tables."""
        return f"{self.table}/{self.account}"


@pytest.fixture(scope="session")
def running_azurite(running_demo: DemoServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    """Azurite, once for all tests of a process."""
    node, directory = node_packages(HERE / "azurite" / "package.json")
    pem = str(running_demo.directory / "server.pem")
    command = [node, str(directory / "server.js"), "--oauth", "basic", "--cert", pem, "--key", pem]
    command += ["--skipApiVersionCheck", "--disableProductStyleUrl", "--disableTelemetry", "--silent"]
    command += ["--inMemoryPersistence", *(part for name in _SERVICES for part in (f"--{name}Port", "0"))]
    with subprocess.Popen(
        command,
        cwd=tmp_path_factory.mktemp("azurite"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        origins: dict[str, str] = {}
        said = []
        try:
            for line in process.stdout:
                said.append(line)
                if found := _LISTENS.search(line):
                    origins[found[1].lower()] = found[2]
                if len(origins) == len(_SERVICES):
                    break
            else:
                pytest.fail(f"Azurite did not start:\n{''.join(said)}")
            yield Azurite(**origins, ca_file=running_demo.ca_file)
        finally:
            process.stdin.close()  # it ends with its input
            try:
                process.wait(_END_S)
            except subprocess.TimeoutExpired:
                process.kill()


@pytest.fixture
def azurite(running_azurite: Azurite, demo: DemoServer, monkeypatch: pytest.MonkeyPatch) -> Azurite:
    """Azurite, with rows in `apis` of `storage`, a person's profile, and `storage-job`, an application's.

    Nobody is signed in: `sign_in("storage")` does so. Whatever makes its own TLS context trusts the demo's authority.
    """
    demo.provider.register_resource(
        STORAGE, scopes=["user_impersonation"], roles=["Storage Blob Data Contributor"], token_version=1
    )
    profiles = kernel.config().profiles
    for name, of, scope in (
        ("storage", "demo", f"{STORAGE}/user_impersonation"),
        ("storage-job", "nightly", f"{STORAGE}/.default"),
    ):
        apis = dict.fromkeys(running_azurite.origins, (scope,))
        kernel.add_profile(dataclasses.replace(profiles[of], name=name, apis=apis, file=None))
    for variable in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.setenv(variable, str(running_azurite.ca_file))
    return running_azurite


@pytest.fixture(scope="session")
def running_postgres(running_demo: DemoServer) -> Iterator[Postgres]:
    """PostgreSQL, once for all tests of a process."""
    with postgres_server.running(running_demo.provider) as postgres:
        yield postgres


@pytest.fixture
def postgres(running_postgres: Postgres, demo: DemoServer) -> Postgres:
    """PostgreSQL, with a row in `apis` of `sql`, a person's profile. `sign_in("sql")` signs in."""
    demo.provider.register_resource(postgres_server.RESOURCE, scopes=["user_impersonation"], roles=["Sales.Read"])
    apis = {running_postgres.origin: (f"{postgres_server.RESOURCE}/user_impersonation",)}
    kernel.add_profile(dataclasses.replace(kernel.config().profiles["demo"], name="sql", apis=apis, file=None))
    running_postgres.check.seen.clear()
    running_postgres.check.refused.clear()
    return running_postgres


@pytest.fixture
def sql_server(demo: DemoServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SqlServer]:
    """What answers as SQL Server, with a row in `apis` of `sql-server`, a person's profile. The drivers trust it."""
    demo.provider.register_resource(sql_server_stub.RESOURCE, scopes=["user_impersonation"])
    tls = make_server_tls(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(tls.ca_file))
    check = postgres_server.TokenCheck(demo.provider, sql_server_stub.RESOURCE)
    with sql_server_stub.running(tls, lambda token: check("alice@contoso.example", token)) as server:
        apis = {server.origin: (f"{sql_server_stub.RESOURCE}/user_impersonation",)}
        profile = kernel.config().profiles["demo"]
        kernel.add_profile(dataclasses.replace(profile, name="sql-server", apis=apis, file=None))
        yield server


@pytest.fixture
def sign_in(person: Callable[..., PersonPrompt]) -> Callable[..., nbauth.Account]:
    """Return what signs somebody in: `sign_in("storage")`, `sign_in("storage", "bob")`."""

    def sign_in(profile: str, who: str = "alice") -> nbauth.Account:
        return nbauth.login(profile, flow="paste", prompt=person(who), timeout_s=60, select_account=True)

    return sign_in
