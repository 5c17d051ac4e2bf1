"""The protected API: what it asks of a token, and what it serves."""

from __future__ import annotations

import base64
import gzip
import io
import json
import re
from urllib.parse import quote

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from demo_client import PROFILE, READ, Client, claims_of

from nbauth.demo import DemoServer
from nbauth.demo.api.sunlight import CITIES, COLUMNS, row


@pytest.fixture
def token(client: Client) -> str:
    """Alice's token for everything."""
    return client.tokens()["access_token"]


def challenge(answer) -> dict[str, str]:
    """Return the parameters of a Bearer challenge."""
    header = answer.headers["WWW-Authenticate"]
    assert header.startswith("Bearer ")
    return dict(re.findall(r'(\w+)="([^"]*)"', header))


def pages(client: Client, path: str, token: str):
    """Follow next links."""
    url: str | None = path
    while url:
        page = client.api(url, token).json
        yield page
        url = page.get("@odata.nextLink")


def test_me_is_the_person_of_the_token(client: Client, token: str):
    """`/me` is the person that the token is for."""
    me = client.api("/me", token).json
    assert (me["displayName"], me["userPrincipalName"]) == ("Alice Adams", "alice@contoso.example")


def test_no_token(client: Client):
    """Without a token: 401, where to sign in, and no error code (RFC 6750 §3.1)."""
    answer = client.api("/sunlight", None)
    assert (answer.status, answer.json["error"]["code"]) == (401, "InvalidAuthenticationToken")
    assert "error" not in challenge(answer)
    assert challenge(answer)["authorization_uri"].endswith("/oauth2/v2.0/authorize")
    assert client.api("/sunlight", None, Authorization="Basic YTpi").status == 401


def test_bad_tokens(demo: DemoServer, client: Client, token: str):
    """Signature, key, issuer, audience and times are all checked."""
    keys, claims = demo.provider.keys, claims_of(token)
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    kid = jwt.get_unverified_header(token)["kid"]
    bad = {
        "signature": [
            token[:-8] + "AAAAAAAA",
            jwt.encode(claims, stranger, algorithm="RS256", headers={"kid": kid}),
            jwt.encode(claims, None, algorithm="none", headers={"kid": kid}),
            jwt.encode(claims, "k" * 32, algorithm="HS256", headers={"kid": kid}),
            "garbage",
        ],
        "unknown key": [jwt.encode(claims, stranger, algorithm="RS256", headers={"kid": "other"})],
        "issuer": [keys.sign({**claims, "iss": "https://login.example/v2.0"})],
        "audience": [keys.sign({**claims, "aud": "api://other"}), client.tokens()["id_token"]],
        "expired": [keys.sign({**claims, "exp": claims["iat"] - 1})],
        "not valid yet": [keys.sign({**claims, "nbf": claims["iat"] + 600})],
    }
    for why, tokens in bad.items():
        for each in tokens:
            answer = client.api("/sunlight", each)
            assert answer.status == 401
            assert challenge(answer)["error"] == "invalid_token"
            assert why in challenge(answer)["error_description"]


def test_each_place_wants_its_own_scope(client: Client):
    """Each place wants its own scope, and says which."""
    data, profile = client.tokens(scope=READ)["access_token"], client.tokens(scope=PROFILE)["access_token"]
    assert client.api("/sunlight?$top=1", data).status == 200
    assert client.api("/me", profile).status == 200
    for path, token, needed in (("/me", data, PROFILE), ("/sunlight", profile, READ)):
        answer = client.api(path, token)
        assert (403, "insufficient_scope", needed) == (
            answer.status,
            challenge(answer)["error"],
            challenge(answer)["scope"],
        )


@pytest.mark.parametrize("demanded", ["acrs", "nbf"])
def test_claims_challenge(demo: DemoServer, client: Client, demanded: str):
    """A claims challenge is met by a token that was asked for with its claims."""
    tokens = client.tokens()
    later = claims_of(tokens["access_token"])["nbf"] + 10
    value = "c1" if demanded == "acrs" else str(later)
    demo.api.bearer.demanded = {"access_token": {demanded: {"essential": True, "value": value}}}
    answer = client.api("/me", tokens["access_token"])
    assert (answer.status, challenge(answer)["error"]) == (401, "insufficient_claims")
    claims = base64.b64decode(challenge(answer)["claims"]).decode()
    assert demo.api.bearer.demanded == json.loads(claims)
    demo.provider.clock.advance(20)
    again = client.refresh(tokens["refresh_token"], claims=claims, scope=PROFILE).json
    assert client.api("/me", again["access_token"]).status == 200


def test_every_row_comes_once(client: Client, token: str):
    """Following the next links brings every row once and in order, in pages of 1,000."""
    found = list(pages(client, "/sunlight?$count=true", token))
    assert [len(page["value"]) for page in found] == [1_000] * 5
    assert [row(index) for index in range(5_000)] == [each for page in found for each in page["value"]]
    assert {5_000} == {page["@odata.count"] for page in found}
    assert list(COLUMNS) == list(found[0]["value"][0])


@pytest.mark.parametrize(
    ("query", "sizes"), [("$top=2000", [2000, 2000, 1000]), ("$top=999&$skip=3000", [999, 999, 2])]
)
def test_top_is_the_size_of_a_page(client: Client, token: str, query: str, sizes: list[int]):
    """`$top` sets the size of the pages, `$skip` where they start."""
    found = list(pages(client, f"/sunlight?{query}", token))
    assert sizes == [len(page["value"]) for page in found]
    assert found[-1]["value"][-1]["id"] == 4_999


def test_preferred_page_size(client: Client, token: str):
    """`Prefer: odata.maxpagesize` is taken too."""
    answer = client.api("/sunlight", token, Prefer="respond-async, odata.maxpagesize=10")
    assert len(answer.json["value"]) == 10


@pytest.mark.parametrize("query", ["$top=0", "$top=x", "$top=-1", "$skip=x", "$skiptoken=x", "$skiptoken=WzEsMF0"])
def test_bad_paging(client: Client, token: str, query: str):
    """A page that cannot be is a 400 in OData's shape."""
    answer = client.api(f"/sunlight?{query}", token)
    assert (answer.status, answer.json["error"]["code"]) == (400, "BadRequest")


def test_past_the_end(client: Client, token: str):
    """Past the last row there is an empty page and no next link."""
    page = client.api("/sunlight?$skip=5000", token).json
    assert page["value"] == []
    assert "@odata.nextLink" not in page


def test_ndjson(client: Client, token: str):
    """NDJSON holds the same rows, one a line."""
    answer = client.api("/sunlight.ndjson", token)
    assert answer.headers["Content-Type"] == "application/x-ndjson"
    assert [row(index) for index in range(5_000)] == [json.loads(line) for line in answer.text.splitlines()]


def test_csv(client: Client, token: str):
    """CSV holds the same figures, with the nested object in three columns."""
    import pandas as pd

    answer = client.api("/sunlight.csv", token)
    assert answer.headers["Content-Type"].startswith("text/csv")
    frame = pd.read_csv(io.BytesIO(answer.body))
    expected = pd.json_normalize([row(index) for index in range(5_000)])
    assert list(expected.columns) == list(frame.columns)
    gaps = {"sunrise": ""}  # None and NaN are one to CSV
    pd.testing.assert_frame_equal(expected.fillna(gaps), frame.fillna(gaps), check_dtype=False)
    assert bool == frame["daylight"].dtype


def test_parquet(client: Client, token: str):
    """Parquet holds the same rows, with its own types for times and integers."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(io.BytesIO(client.api("/sunlight.parquet", token).body))
    assert list(COLUMNS) == table.schema.names
    assert pa.types.is_timestamp(table.schema.field("time").type)
    assert pa.int64() == table.schema.field("day_length_min").type
    assert row(1_234)["location"] == table["location"][1_234].as_py()
    assert row(1_234)["time"] == f"{table['time'][1_234].as_py():%Y-%m-%dT%H:%M:%SZ}"


def test_cities_by_link_header(client: Client, token: str):
    """Cities come as plain arrays, with the next page in a `Link` header (RFC 8288)."""
    url, names, count = "/cities", [], 0
    while url:
        answer = client.api(url, token)
        names += [city["name"] for city in answer.json]
        count += 1
        found = re.search(r'<([^>]*)>; rel="next"', answer.headers["Link"])
        url = found[1] if found else None
    assert ([city.name for city in CITIES], 3) == (names, count)


def test_one_city(client: Client, token: str):
    """One city is one object, by its name in whatever letters."""
    assert client.api(f"/cities/{quote('Tromsø')}", token).json["country"] == "Norway"
    assert client.api("/cities/Atlantis", token).status == 404


def test_compression_on_request(demo: DemoServer, client: Client, token: str):
    """Compression is off until it is turned on, and then only for those who accept it."""
    assert client.api("/cities", token, Accept_Encoding="gzip").headers["Content-Encoding"] is None
    demo.api.gzip = True
    answer = client.api("/cities", token, Accept_Encoding="gzip")
    assert answer.headers["Content-Encoding"] == "gzip"
    assert CITIES[0].name == json.loads(gzip.decompress(answer.body))[0]["name"]


def test_pages_that_go_wrong(demo: DemoServer, client: Client, token: str):
    """The odd collections are odd in the way their names say."""
    assert client.api("/empty", token).json == {"value": []}
    loop = client.api("/loop", token).json
    assert f"{demo.api_url}/loop" == loop["@odata.nextLink"]
    first = client.api("/endless", token).json
    second = client.api(first["@odata.nextLink"], token).json
    assert first["value"] == second["value"]
    assert first["@odata.nextLink"] != second["@odata.nextLink"]
    assert client.api("/endless-empty", token).json["value"] == []
    assert client.api("/elsewhere", token).json["@odata.nextLink"].startswith("https://elsewhere.example/")
    assert client.api("/elsewhere?to=http://127.0.0.1:9/", token).json["@odata.nextLink"] == "http://127.0.0.1:9/"
    assert client.api("/html", token).headers["Content-Type"].startswith("text/html")
    with pytest.raises(json.JSONDecodeError):
        assert client.api("/broken-json", token).json


def test_types_drift_from_page_to_page(client: Client, token: str):
    """Types drift from page to page, keys come and go, and integers outgrow their types."""
    rows = [each for page in pages(client, "/drift", token) for each in page["value"]]
    assert [int, int, float, type(None), str, int, str] == [type(each["value"]) for each in rows]
    assert rows[5]["id"] == 2**63
    assert rows[4]["id"] == 9007199254740993
    assert "gone" not in rows[2]
    assert "nested" not in rows[2]


@pytest.mark.parametrize("code", [401, 403, 404, 410, 429, 500, 503])
def test_any_error_status(client: Client, token: str, code: int):
    """Any error status can be had, in OData's shape."""
    answer = client.api(f"/status/{code}", token)
    assert (code, f"Status{code}") == (answer.status, answer.json["error"]["code"])


def test_redirects(client: Client, token: str):
    """A redirect goes where it is told, with the status asked for."""
    answer = client.api("/redirect?to=https://elsewhere.example/x&status=307", token)
    assert (answer.status, answer.headers["Location"]) == (307, "https://elsewhere.example/x")
    assert client.api("/redirect", token).status == 302
    assert client.api("/redirect?status=200", token).status == 400


def test_other_paths_and_methods(demo: DemoServer, client: Client, token: str):
    """What is not there is 404, and nothing can be changed."""
    assert client.api("/nothing", token).status == 404
    assert client.api(f"{demo.api_origin}/", token).status == 404
    assert client.send(f"{demo.api_url}/sunlight", method="DELETE", Authorization=f"Bearer {token}").status == 405


def test_the_api_can_be_https():
    """With `api_tls` the API is on https, by the same authority."""
    with DemoServer(rows=10, api_tls=True) as demo:
        client = Client(demo)
        assert demo.api_url.startswith("https://localhost:")
        assert client.api("/me", client.tokens()["access_token"]).status == 200
