"""The examples of docs/elsewhere.md: each runs as it stands, with a server of ours in the place of each host.

What holds for all tools is tried on each: what they log at DEBUG, print, show and pickle has no secret, and after a
sign-out they bring nothing and no request is made.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import dataclasses
import inspect
import logging
import re
import tomllib
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cloudpickle
import numpy as np
import pytest
import xarray as xr
from joblib.externals.loky import get_reusable_executor
from kusto_stand_in import serving_a_cluster
from loopback_api import as_json
from ranged_files import RangedFile
from rich.pretty import pretty_repr
from service_answers import as_databricks, as_hub, as_mlflow, as_openai, as_snowflake, as_trino
from token_checking_server import serving_those_with_a_token
from tracebacks.rendered_exceptions import leaks

import nbauth
from nbauth import kernel
from nbauth.signin.profile.profile import Profile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import Azurite
    from postgres_server import Postgres
    from sql_server_stub import SqlServer
    from token_checking_server import TokenCheckingServer

    from nbauth.demo.server import DemoServer

PAGE = (Path(__file__).parents[2] / "docs" / "elsewhere.md").read_text(encoding="utf-8")
ADDRESS = re.compile(r"\b(?:https|postgresql|mssql)://[\w.-]+(?::\d+)?")


@dataclass(frozen=True)
class Runs:
    """How a section of the page is run.

    Args:
        stand_ins: the fixture that signs somebody in, and returns what stands there in the place of which of the
            page's texts, such as ``{"https://api.contoso.com": "http://127.0.0.1:8080"}``.
        shows: what holds for the names that the section's examples leave.
    """

    stand_ins: str
    shows: Callable[[dict[str, Any]], bool]


# One line a section. A section with an example stands here or in NOT_RUN.
SECTIONS: dict[str, Runs] = {
    "requests": Runs("demo_api", lambda made: len(made["cities"]) == 4),
    "httpx": Runs("demo_api", lambda made: len(made["cities"]) == 4),
    "aiohttp": Runs("demo_api", lambda made: len(made["cities"]) == 4),
    "gql": Runs("graphql", lambda made: made["sun"] == [{"city": "Quito"}]),
    "Azure Storage": Runs("storage", lambda made: "reports" in made["names"]),
    "An Azure client without a credential": Runs("storage", lambda made: "reports" in made["names"]),
    "Kusto": Runs("a_cluster", lambda made: [row["n"] for row in made["rows"]] == [1, 2]),
    "fsspec": Runs("demo_api", lambda made: len(made["df"]) == 5_000 and list(made["df"]) == ["city"]),
    "openai": Runs("openai", lambda made: made["answer"].choices[0].message.content == "The sun rises."),
    "Databricks": Runs("databricks", lambda made: made["clusters"] == ["c1", "c2", "c3"]),
    "Trino": Runs("trino", lambda made: made["rows"] == [[1], [2], [3], [4]]),
    "Snowflake": Runs("snowflake", lambda made: made["rows"] == [(1,)]),
    "Hugging Face": Runs("hub", lambda made: made["model"].id == "contoso/sun"),
    "MLflow": Runs("mlflow", lambda made: made["run"].info.run_id == "r1"),
    "Polars": Runs("storage", lambda made: made["a"]["a"].to_list() == [1, 2]),
    "deltalake": Runs("storage", lambda made: made["table"].to_pyarrow_table().num_rows == 2),
    "DuckDB": Runs("demo_api", lambda made: len(made["rows"]) == 5_000),
    "pyiceberg": Runs("iceberg", lambda made: made["names"] == [("sales",)]),
    "obstore": Runs("storage", lambda made: isinstance(made["names"], list)),
    "Processes started here": Runs("demo_api", lambda made: list(map(len, made["frames"])) == [10, 5_000]),
    "joblib and loky": Runs("kept_workers", lambda made: list(map(len, made["frames"])) == [10] * 4),
    "xarray and zarr": Runs("a_store", lambda made: made["here"].sizes == {"y": 50, "x": 100}),
    "SQLAlchemy": Runs("a_database", lambda made: (made["engine"].dispose(), len(made["df"])) == (None, 1000)),
    "psycopg and asyncpg": Runs("a_database", lambda made: len(made["rows"]) == 1000),
    "mssql-python and pyodbc": Runs("a_sql_server", lambda made: made["rows"][-1][1] == "city 10"),
}
NOT_RUN: dict[str, str] = {
    "Dask": "test_dask.py runs it, on the cluster that it has",
    "Ray": "it takes a while to start: test_shared_processes.py runs the same",
    "PySpark": "it takes a while to start: test_shared_processes.py runs the same",
    "adlfs": "it cannot be told of the authority of a server here: test_azure_storage.py runs it in another way",
    "Azure Monitor": "its audience is its own address: test_azure_services.py runs it with another one",
    "Microsoft Graph": "it knows Graph's hosts only: test_azure_services.py runs it by an adapter",
}


@pytest.fixture
def demo_api(demo: DemoServer, person: Callable[..., Any]) -> dict[str, str]:
    """The demo's API, with Alice signed in."""
    nbauth.login("demo", flow="paste", prompt=person(), timeout_s=20)
    return {
        "nbauth+https://api.contoso.com": f"nbauth+{demo.api_origin}",
        "nbauth://api.contoso.com": f"nbauth+{demo.api_origin}",
        "https://api.contoso.com": demo.api_origin,
    }


@pytest.fixture
def graphql(demo: DemoServer, person: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """A GraphQL server, with Alice signed in."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(demo.ca_file))
    with serving_those_with_a_token(demo, resource="api://graphql") as server:
        server.routes["/graphql"] = as_json({"data": {"sun": [{"city": "Quito"}]}})
        server.add_profile()
        nbauth.login("stub", flow="paste", prompt=person(), timeout_s=20)
        yield {"https://api.contoso.com": server.origin}


@pytest.fixture
def kept_workers(demo_api: dict[str, str]) -> Iterator[dict[str, str]]:
    """The demo's API, and an end for the workers that joblib keeps."""
    yield demo_api
    get_reusable_executor().shutdown(wait=True)


@pytest.fixture
def a_store(demo: DemoServer, person: Callable[..., Any], tmp_path: Path) -> Iterator[dict[str, str]]:
    """A server with a zarr store, with Alice signed in."""
    with serving_those_with_a_token(demo, resource="api://files") as server:
        xr.Dataset({"t": (("y", "x"), np.ones((60, 200)))}).to_zarr(tmp_path / "t.zarr", zarr_format=2)
        server.routes = {
            f"/{path.relative_to(tmp_path)}": RangedFile(path.read_bytes())
            for path in tmp_path.rglob("*")
            if path.is_file()
        }
        server.add_profile("files")
        nbauth.login("files", flow="paste", prompt=person(), timeout_s=20)
        yield {"https://api.contoso.com": server.origin, "nbauth://api.contoso.com": f"nbauth{server.origin[5:]}"}


@pytest.fixture
def iceberg(demo: DemoServer, person: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """A server with an Iceberg catalog, with Alice signed in."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(demo.ca_file))
    with serving_those_with_a_token(demo, resource="api://catalog") as server:
        server.routes = {
            "/iceberg/v1/config": as_json({"defaults": {}, "overrides": {}}),
            "/iceberg/v1/namespaces": as_json({"namespaces": [["sales"]]}),
        }
        server.add_profile("catalog")
        nbauth.login("catalog", flow="paste", prompt=person(), timeout_s=20)
        yield {"https://api.contoso.com": server.origin}


@pytest.fixture
def storage(azurite: Azurite, sign_in: Callable[..., nbauth.Account]) -> dict[str, str]:
    """Azurite in the place of a storage account, with one container, and Alice signed in."""
    job = kernel.config().profiles["storage-job"]
    kernel.add_profile(dataclasses.replace(job, apis={"https://elsewhere.example": ("x",)}))  # the page has one profile
    sign_in("storage")
    assert nbauth.session("storage").put(f"{azurite.blob_url}/reports?restype=container").status_code in (201, 409)
    return {
        "https://contoso.blob.core.windows.net": azurite.blob_url,
        "https://contoso.table.core.windows.net": azurite.table_url,
    }


@pytest.fixture
def service(
    demo: DemoServer, person: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., TokenCheckingServer]]:
    """What starts a service whose authority the tools' own clients trust, with Alice signed in."""
    for variable in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.setenv(variable, str(demo.ca_file))
    with contextlib.ExitStack() as running:

        def start(answers: Callable[[TokenCheckingServer], None], **options: Any) -> TokenCheckingServer:
            server = running.enter_context(serving_those_with_a_token(demo, resource="api://service", **options))
            answers(server)
            server.add_profile("work")
            nbauth.login("work", flow="paste", prompt=person(), timeout_s=20)
            return server

        yield start


@pytest.fixture
def openai(service: Callable[..., TokenCheckingServer]) -> dict[str, str]:
    """A server that chats."""
    return {"https://contoso.openai.azure.com": service(as_openai).origin}


@pytest.fixture
def databricks(service: Callable[..., TokenCheckingServer]) -> dict[str, str]:
    """A workspace."""
    return {"https://adb-1.azuredatabricks.net": service(as_databricks).origin}


@pytest.fixture
def trino(service: Callable[..., TokenCheckingServer]) -> dict[str, str]:
    """A coordinator."""
    return {'host="trino.contoso.com"': f'host="localhost", port={service(as_trino).server_address[1]}'}


@pytest.fixture
def snowflake(service: Callable[..., TokenCheckingServer], demo: DemoServer) -> dict[str, str]:
    """An account; the connector takes its authority by an option alone, and warns where nobody says how it ends."""
    server = service(as_snowflake, in_header=False)
    options = {
        "host": "localhost",
        "port": server.server_address[1],
        "custom_root_store_path": str(demo.ca_file),
        "enable_server_session_keep_alive_auto_detection": False,
    }
    return {
        "https://contoso.snowflakecomputing.com": server.origin,
        'account="contoso"': f'account="contoso", **{options}',
    }


@pytest.fixture
def hub(service: Callable[..., TokenCheckingServer]) -> dict[str, str]:
    """A company's hub."""
    return {"https://hub.contoso.com": service(as_hub).origin}


@pytest.fixture
def mlflow(service: Callable[..., TokenCheckingServer], monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A tracking server."""
    monkeypatch.setenv("MLFLOW_TRACKING_AUTH", "")  # the example sets it
    return {"https://mlflow.contoso.com": service(as_mlflow).origin}


@pytest.fixture
def a_cluster(
    demo: DemoServer, sign_in: Callable[..., nbauth.Account], monkeypatch: pytest.MonkeyPatch
) -> Iterator[dict[str, str]]:
    """A stand-in for a Kusto cluster, with Alice signed in."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(demo.ca_file))
    with serving_a_cluster(demo) as server:
        sign_in("kusto")
        yield {"https://contoso.westeurope.kusto.windows.net": server.origin}


@pytest.fixture
def a_database(postgres: Postgres, sign_in: Callable[..., nbauth.Account]) -> dict[str, str]:
    """PostgreSQL, with Alice signed in."""
    sign_in("sql")
    return {
        "postgresql://db.contoso.com": postgres.origin,
        "@db.contoso.com": f"@localhost:{postgres.port}",
        "db.contoso.com": "localhost",
        "5432": str(postgres.port),
        "alice%40contoso.com": "alice%40contoso.example",
        "alice@contoso.com": "alice@contoso.example",
        "ca.pem": str(postgres.ca_file),
    }


@pytest.fixture
def a_sql_server(sql_server: SqlServer, sign_in: Callable[..., nbauth.Account]) -> dict[str, str]:
    """What answers as SQL Server, with Alice signed in."""
    sign_in("sql-server")
    return {"contoso.database.windows.net": f"localhost,{sql_server.port}"}


def sections() -> dict[str, list[str]]:
    """Return the page's examples in Python, section by section; a section without one is left out."""
    found = {}
    for section in re.split(r"^###? ", PAGE, flags=re.MULTILINE):
        title, _, text = section.partition("\n")
        if examples := re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
            assert title not in found, f"two sections are called {title!r}"
            found[title] = examples
    return found


def run(title: str, stand_ins: dict[str, str]) -> dict[str, Any]:
    """Run a section's examples, one after the other, and return the names that they leave."""
    made: dict[str, Any] = {"__name__": "__main__"}
    for example in sections()[title]:
        text = example
        for told in sorted(stand_ins, key=len, reverse=True):
            text = text.replace(told, stand_ins[told])
        code = compile(text, f"docs/elsewhere.md, {title}", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        if code.co_flags & inspect.CO_COROUTINE:  # as a notebook runs it
            asyncio.run(eval(code, made))  # noqa: S307 - the page's own
        else:
            exec(code, made)  # noqa: S102 - the page's own
    return made


def failure(title: str, stand_ins: dict[str, str]) -> BaseException:
    """Return what a section's examples fail with; its traceback begins in the examples."""
    try:
        run(title, stand_ins)
    except BaseException as caught:
        error = caught
    else:
        pytest.fail(f"{title} still works")
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    return error.with_traceback(trace)


def found(secrets: set[str], text: str) -> list[str]:
    """Return the secrets of which a text has a part."""
    return [secret for secret in secrets if secret in text or secret[-40:-8] in text]


def pickled(value: Any) -> str:
    """Return a value's pickle as Dask and Ray make it, or why it has none."""
    try:
        return cloudpickle.dumps(value).decode("latin-1")
    except Exception as error:
        return str(error)


@pytest.mark.parametrize("title", SECTIONS)
def test_example(
    title: str,
    demo: DemoServer,
    request: pytest.FixtureRequest,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """The examples of a section bring what they say, show no secret, and bring nothing after a sign-out."""
    section = SECTIONS[title]
    stand_ins = request.getfixturevalue(section.stand_ins)
    caplog.set_level(logging.DEBUG)
    caplog.clear()
    made = run(title, stand_ins)
    assert section.shows(made), sorted(made)
    secrets = {secret for secret in demo.provider.issued_secrets if len(secret) > 20}
    assert secrets
    log = [f"{record.getMessage()} {record.exc_text}" for record in caplog.records]
    assert [line for line in log if found(secrets, line)] == []
    for name, value in made.items():
        if name != "__builtins__":
            for shown in (repr(value), str(value), pretty_repr(value), pickled(value)):
                assert (name, found(secrets, shown)) == (name, [])
    nbauth.logout()
    demo.provider.requests.clear()
    error = failure(title, stand_ins)
    assert "obody is signed in" in "".join(traceback.format_exception(error))
    assert leaks(error, secrets) == []
    assert len(demo.provider.requests) == 0
    assert found(secrets, "".join(capfd.readouterr())) == []


def test_sections() -> None:
    """Each section with an example is run, or it stands here why not."""
    assert sorted({*SECTIONS, *NOT_RUN}) == sorted(sections())
    assert set(SECTIONS) & set(NOT_RUN) == set()


@pytest.mark.parametrize("title", sections())
def test_example_is_written_right(title: str) -> None:
    """An example compiles, and the page's own profile has a row for each address that it names."""
    (toml,) = re.findall(r"^```toml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    work = Profile("work", **tomllib.loads(toml)["profiles"]["work"])
    for example in sections()[title]:
        compile(example, title, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        assert [address for address in ADDRESS.findall(example) if work.scopes_for(address) is None] == []
