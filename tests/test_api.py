"""From a profile to rows: what the public functions do with the demo's provider and API."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
import requests

import nbauth
from nbauth import kernel
from nbauth.authorizer import KernelAuthorizer
from nbauth.errors import ApiError, ConfigError, OriginNotAllowed, PaginationError

if TYPE_CHECKING:
    from pathlib import Path

    from nbauth.demo.server import DemoServer


@pytest.fixture
def alice(demo: DemoServer, person: Any) -> DemoServer:
    """The demo with Alice signed in to the profile demo."""
    nbauth.login("demo", flow="paste", prompt=person(), timeout_s=20)
    demo.provider.requests.clear()
    return demo


def test_every_row(alice: DemoServer) -> None:
    """All pages come, in order, with the types that the values have."""
    frame = nbauth.read(f"{alice.api_url}/sunlight", profile="demo")
    assert list(frame["id"]) == list(range(5_000))
    assert alice.api.requests.count("/v1.0/sunlight") == 5
    assert len(alice.provider.requests) == 0
    dtypes = frame.dtypes.astype(str)
    assert dtypes["id"] == "int64"
    assert dtypes["daylight"] == "bool"
    assert dtypes["elevation_deg"] == "float64"
    assert dtypes["day_length_min"] == "Int64"
    assert dtypes["time"].endswith(", UTC]")
    assert frame["sunrise"].isna().any()
    assert frame["location"][0]["country"] == "Ecuador"


@pytest.mark.parametrize("kind", ["csv", "ndjson", "parquet"])
def test_the_same_rows_in_other_formats(kind: str, alice: DemoServer) -> None:
    """CSV, NDJSON and Parquet hold the same rows as the pages."""
    pages = nbauth.read(f"{alice.api_url}/sunlight", profile="demo")
    other = nbauth.read(f"{alice.api_url}/sunlight.{kind}", profile="demo")
    columns = [column for column in pages.columns if column in other.columns and column != "location"]
    assert len(columns) >= 8
    pd.testing.assert_frame_equal(_comparable(other[columns]), _comparable(pages[columns]), rtol=0, atol=0)


def _comparable(frame: pd.DataFrame) -> pd.DataFrame:
    # The formats differ in the unit of times, and CSV cannot tell an integer with gaps from a float.
    columns = {name: column.astype("datetime64[us, UTC]") for name, column in frame.select_dtypes("datetimetz").items()}
    numbers = {name: column.astype("Float64") for name, column in frame.select_dtypes("number").items()}
    return frame.assign(**columns, **numbers)


def test_page_by_page(alice: DemoServer) -> None:
    """`pages` yields one frame a page and asks for no page before it is wanted."""
    iterator = nbauth.pages(f"{alice.api_url}/sunlight", profile="demo")
    first = next(iter(iterator))
    assert len(first) == 1_000
    assert alice.api.requests.count("/v1.0/sunlight") == 1


def test_as_a_file(alice: DemoServer) -> None:
    """`open` gives pandas a file."""
    with nbauth.open(f"{alice.api_url}/sunlight.csv", profile="demo") as file:
        assert len(pd.read_csv(file)) == 5_000


def test_a_session(alice: DemoServer) -> None:
    """A session is a requests.Session that adds the token; it sends none elsewhere."""
    with nbauth.session("demo") as session:
        assert isinstance(session, requests.Session)
        assert session.get(f"{alice.api_url}/me").json()["displayName"] == "Alice Adams"
        with pytest.raises(OriginNotAllowed, match=r'Add "https://example\.org" = \["SCOPE"\]'):
            session.get("https://example.org/")


def _kept_pools(demo: DemoServer) -> list[Any]:
    """Return the pools of connections to the API that the kernel keeps."""
    adapters: list[Any] = [kept.adapters["http://"] for _, kept in kernel._state.keeper._kept.values()]
    managers = [adapter.poolmanager.pools for adapter in adapters]
    return [pools.get(key) for pools in managers for key in list(pools.keys())]


def test_a_read_again(alice: DemoServer) -> None:
    """Loads go over one connection, whatever they are, until a sign-in changes."""
    url = f"{alice.api_url}/cities"
    nbauth.read(url, profile="demo")
    list(nbauth.pages(url, profile="demo"))
    with nbauth.open(f"{alice.api_url}/sunlight.csv", profile="demo") as file:
        file.read()
    (pool,) = _kept_pools(alice)
    assert pool.num_connections == 1
    assert pool.num_requests == len(alice.api.requests)
    nbauth.logout("demo")
    assert pool.pool is None
    assert _kept_pools(alice) == []


def test_a_session_is_its_callers(alice: DemoServer) -> None:
    """A person's session has connections of its own: closing it closes none of the kernel's."""
    url = f"{alice.api_url}/cities"
    nbauth.read(url, profile="demo")
    (pool,) = _kept_pools(alice)
    requests_before = pool.num_requests
    with nbauth.session("demo") as session:
        session.get(url)
    assert pool.num_requests == requests_before
    nbauth.read(url, profile="demo")
    assert pool.num_connections == 1


def test_a_load_that_posts(alice: DemoServer) -> None:
    """A POST goes over no connection that an earlier load has left: the server may just be closing it."""
    nbauth.read(f"{alice.api_url}/cities", profile="demo")
    (pool,) = _kept_pools(alice)
    requests_before = pool.num_requests
    for options, kept in [({}, 0), ({"retry_post": True}, 1)]:
        with pytest.raises(ApiError):
            nbauth.read(f"{alice.api_url}/me", profile="demo", json={}, **options)  # type: ignore[call-overload]
        assert pool.num_requests == requests_before + kept


def test_a_token_that_the_api_rejects(alice: DemoServer) -> None:
    """When the API answers 401, the token is renewed once and the load goes on."""
    alice.api.faults.add("*/sunlight", status=401, headers={"WWW-Authenticate": "Bearer"}, times=1)
    assert len(nbauth.read(f"{alice.api_url}/sunlight", profile="demo")) == 5_000
    assert alice.provider.requests.count("*/token", grant_type="refresh_token") == 1


def test_a_token_that_expires_in_mid_load(demo: DemoServer, person: Any) -> None:
    """A token that expires between two pages is renewed without a break."""
    demo.provider.settings.access_token_s = 4
    nbauth.login("demo", flow="paste", prompt=person(), timeout_s=20)
    demo.api.faults.add("*/sunlight", delay_s=1.1, times=None)
    assert len(nbauth.read(f"{demo.api_url}/sunlight", profile="demo")) == 5_000
    assert demo.provider.requests.count("*/token", grant_type="refresh_token") >= 1


@pytest.mark.parametrize("status", [400, 403, 404, 500])
def test_an_api_that_says_no(status: int, alice: DemoServer) -> None:
    """An error status is an error that names it, the address and the API's own words."""
    with pytest.raises(ApiError, match=str(status)) as caught:
        nbauth.read(f"{alice.api_url}/status/{status}", profile="demo")
    assert caught.value.status == status
    assert "/status/" in str(caught.value)


def test_next_links(alice: DemoServer) -> None:
    """Next links that loop, never end or lead elsewhere stop with an error; an empty page is an empty frame."""
    assert len(nbauth.read(f"{alice.api_url}/empty", profile="demo")) == 0
    for path in ("loop", "endless", "endless-empty"):
        with pytest.raises(PaginationError):
            nbauth.read(f"{alice.api_url}/{path}", profile="demo")
    with pytest.raises(OriginNotAllowed):
        nbauth.read(f"{alice.api_url}/elsewhere", profile="demo")


def test_the_origin_picks_the_profile(alice: DemoServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two profiles may claim one origin: the default one serves it, and without one the one that is signed in."""
    url = f"{alice.api_url}/cities"
    assert len(nbauth.read(url)) == 10
    text = alice.config_path.read_text().replace('default = "demo"', "").replace('"ca.pem"', f'"{alice.ca_file}"')
    text = text.replace('"nightly.secret"', f'"{alice.config_path.parent / "nightly.secret"}"')
    path = tmp_path / "nbauth.toml"
    path.write_text(text)
    monkeypatch.setenv("NBAUTH_CONFIG", str(path))
    assert len(nbauth.read(url)) == 10
    assert len(nbauth.read(url, profile="nightly")) == 10
    with pytest.raises(ConfigError, match=r"named by several profiles: demo, nightly\. Say which one"):
        nbauth.read(url)  # both are signed in now


def test_a_profile_without_that_api(alice: DemoServer) -> None:
    """A profile that does not name an origin sends no token there, and says which line is missing."""
    with pytest.raises(OriginNotAllowed, match="no token is sent there"):
        nbauth.read("https://graph.microsoft.com/v1.0/me")
    profile = kernel.config().profiles["demo"]
    other = dataclasses.replace(profile, apis={"https://api.example.com": ("scope",)}, file=None)
    kernel.add_profile(other)
    with pytest.raises(OriginNotAllowed, match="Profile 'demo' does not name"):
        nbauth.read(f"{alice.api_url}/cities", profile="demo")


def test_from_azure_variables(demo: DemoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a file, the variables that Azure's tools read make a profile that works."""
    monkeypatch.delenv("NBAUTH_CONFIG")
    host, tenant = demo.authority.removeprefix("https://").split("/")
    for name, value in {
        "AZURE_TENANT_ID": tenant,
        "AZURE_CLIENT_ID": demo.confidential_client_id,
        "AZURE_CLIENT_SECRET": demo.client_secret,
        "AZURE_AUTHORITY_HOST": f"https://{host}",
        "NBAUTH_CA_BUNDLE": str(demo.ca_file),
        "NBAUTH_APIS": f'{{"{demo.api_origin}": ["api://nbauth-demo/.default"]}}',
    }.items():
        monkeypatch.setenv(name, value)
    assert len(nbauth.read(f"{demo.api_url}/cities")) == 10
    assert nbauth.login().kind == "application"


def test_with_a_certificate(demo: DemoServer) -> None:
    """A profile made in code signs in with a certificate, with and without its thumbprint."""
    for certificate in ({"path": demo.certificate_path}, {"path": demo.certificate_path, "send_chain": True}):
        kernel.reset()
        nbauth.add_profile(
            nbauth.Profile(
                "job",
                client_id=demo.confidential_client_id,
                authority=demo.authority,
                ca_bundle=str(demo.ca_file),
                apis={demo.api_origin: ["api://nbauth-demo/.default"]},
                client_certificate=certificate,
            )
        )
        assert len(nbauth.read(f"{demo.api_url}/cities", profile="job")) == 10


def test_any_openid_provider(demo: DemoServer, person: Any) -> None:
    """A plain OpenID provider, without tenants, works by its issuer."""
    nbauth.add_profile(
        nbauth.Profile(
            "lab",
            client_id=demo.client_id,
            oidc_authority=demo.oidc_authority,
            ca_bundle=str(demo.ca_file),
            apis={demo.api_origin: ["api://nbauth-demo/Data.Read"]},
        )
    )
    account = nbauth.login("lab", flow="paste", prompt=person("bob"), timeout_s=20)
    assert (account.username, account.tenant_id) == ("bob@contoso.example", "")
    assert len(nbauth.read(f"{demo.api_url}/cities", profile="lab")) == 10


def test_an_address_with_blanks(alice: DemoServer) -> None:
    """An OData filter with blanks is quoted on the way, as browsers do."""
    assert len(nbauth.read(f"{alice.api_url}/cities?$filter=name eq 'Quito'", profile="demo")) == 10


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ([], "url: expected a URL or a list of URLs, found an empty list"),
        (None, "found NoneType"),
        ([None], "url: expected a string, found NoneType"),
        ("localhost/data?sig=hush", "'localhost/data\\?sig=…' is no URL"),
    ],
)
def test_no_url(alice: DemoServer, url: Any, message: str) -> None:
    """What is no URL is an error that says so, and shows no value of a query."""
    with pytest.raises(ConfigError, match=message):
        nbauth.read(url)


def test_one_url(alice: DemoServer) -> None:
    """Where one URL is taken, several are an error that says where they belong."""
    url = f"{alice.api_url}/cities"
    with pytest.raises(ConfigError, match="pages takes one URL; read takes several"):
        nbauth.pages([url])  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="open takes one URL; read takes several"):
        nbauth.open([url, url])  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="to= takes one URL"):
        nbauth.read([url], to="x.parquet")  # type: ignore[call-overload]
    with pytest.raises(ConfigError, match="to= takes no dtype_backend"):
        nbauth.read(url, to="x.parquet", dtype_backend="pyarrow")


def test_urls_of_other_tools(alice: DemoServer) -> None:
    """A URL as fsspec takes it is the same URL."""
    url = f"{alice.api_url}/cities"
    pd.testing.assert_frame_equal(nbauth.read(f"nbauth+{url}", profile="demo"), nbauth.read(url, profile="demo"))


def test_http_elsewhere(alice: DemoServer) -> None:
    """For http on another machine nothing is proposed that a profile may not hold."""
    with pytest.raises(OriginNotAllowed, match="never sent over http") as caught:
        nbauth.read("http://api.contoso.com/x")
    assert caught.value.next_step is None


def test_where_to(alice: DemoServer, tmp_path: Path) -> None:
    """A file of another format, or in a directory that is not there, is refused before anything is sent."""
    alice.api.requests.clear()
    for name, message in (
        ("x.csv", "Parquet is written, and 'x.csv' says otherwise"),
        ("no/x.parquet", "no directory"),
    ):
        with pytest.raises(ConfigError, match=message):
            nbauth.read(f"{alice.api_url}/cities", profile="demo", to=tmp_path / name)
    assert len(alice.api.requests) == 0


def test_whose_rows(alice: DemoServer) -> None:
    """Whose rows come is told by profile and account, without a secret."""
    url = f"{alice.api_url}/cities"
    person, job = (KernelAuthorizer(name).chain(url).who(url) for name in ("demo", "nightly"))
    assert person.startswith("demo ")
    assert job.startswith("nightly ")
    assert person.split()[1] == nbauth.accounts()[0].home_account_id


def test_styles_in_a_fresh_kernel() -> None:
    """The styles of paging are where the messages say, before anything was read."""
    code = "import nbauth; print(nbauth.data.paging.Cursor().parameter)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "cursor\n"


def test_a_cloned_folder_s_link(alice: DemoServer, tmp_path: Path) -> None:
    """A link that a clone ships in the place of the folder for parts costs nothing: it is named before a request."""
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "thesis.docx").write_text("precious")
    shipped = tmp_path / ".orders.parquet.nbauth-parts"
    shipped.symlink_to(victim)
    with pytest.raises(ConfigError, match=r"orders\.parquet\.nbauth-parts.*not a plain directory.*delete it"):
        nbauth.read(f"{alice.api_url}/sunlight", profile="demo", to=tmp_path / "orders.parquet")
    assert [path.name for path in victim.iterdir()] == ["thesis.docx"]
    assert len(alice.api.requests) == 0
    shipped.unlink()
    written = nbauth.read(f"{alice.api_url}/sunlight", profile="demo", to=tmp_path / "orders.parquet")
    assert len(pd.read_parquet(written)) == 5_000
