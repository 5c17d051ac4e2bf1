"""Parsers of what others wrote: only what they document comes out, whatever goes in."""

from __future__ import annotations

import base64
import json
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urljoin

import msal
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from nbauth.data.fetch.challenge import asked_claims
from nbauth.data.paging.link_header import next_link
from nbauth.errors import ConfigError
from nbauth.net.origins import is_loopback, origin_of, redact_url
from nbauth.signin.flows.redirect import is_answer, parameters
from nbauth.signin.http.clock_skew import ahead_s
from nbauth.signin.http.http_cache import HttpCache, endpoints_allowed
from nbauth.signin.http.http_cache_file import HttpCacheFile
from nbauth.signin.http.token_response import problem
from nbauth.signin.http.transport import throttle_s
from nbauth.signin.profile import config
from nbauth.signin.tokens.access_token import AccessToken

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def _examples(count: int) -> Callable[[Any], Any]:
    """Return the settings of all tests here: the same examples each time."""
    return settings(
        derandomize=True,
        max_examples=count,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


def _said(call: Callable[[], object]) -> str:
    """Return what the ConfigError says, or nothing where there is none; nothing else may be raised."""
    try:
        call()
    except ConfigError as error:
        return str(error)
    return ""


_TEXT = st.text(max_size=40)
_SCALAR = st.none() | st.booleans() | st.integers() | st.floats() | _TEXT | st.just("https://login.example.com/t")
_JSON = st.recursive(
    _SCALAR, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4), max_leaves=12
)
_DEEP = "[" * 20_000 + "]" * 20_000

# nbauth.toml

_GOOD = b"""\
default = "work"
[profiles.work]
client_id = "id"
tenant = "contoso.example"
exclude_scopes = ["offline_access"]
client_secret = { env = "SECRET" }
timeout_s = 20
[profiles.work.apis]
"https://api.example.com/" = ["scope"]
"""


def _toml(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case list():
            return f"[{', '.join(map(_toml, value))}]"
        case dict():
            return "{" + ", ".join(f"{_toml(str(key))} = {_toml(inner)}" for key, inner in value.items()) + "}"
    return json.dumps("" if value is None else value).replace("\x7f", "")


@_examples(200)
@given(
    at=st.integers(0, len(_GOOD)), cut=st.integers(0, 30), put=st.binary(max_size=8) | st.sampled_from([b'"', b"\n["])
)
@example(at=0, cut=len(_GOOD), put=b"a = " + _DEEP.encode())
@example(at=0, cut=len(_GOOD), put=b"a = " + b"9" * 5000)
@example(at=0, cut=len(_GOOD), put=b"\xef\xbb\xbf")
@example(at=0, cut=len(_GOOD), put=b"a = 9999-99-99")
def test_any_bytes_as_toml(tmp_path: Path, at: int, cut: int, put: bytes) -> None:
    """A file that was damaged, or never was TOML, is read or is a ConfigError of one line that names it."""
    path = tmp_path / "nbauth.toml"
    path.write_bytes(_GOOD[:at] + put + _GOOD[at + cut :])
    said = _said(lambda: config.load(path))
    assert "\n" not in said
    assert not said or said.startswith(f"{path}: ")


_PROFILE_KEYS = [*config._KEYS, "secret"]


@_examples(300)
@given(table=st.dictionaries(st.sampled_from(_PROFILE_KEYS), _JSON, max_size=5), good=st.booleans())
def test_any_values_in_toml(tmp_path: Path, table: dict[str, Any], *, good: bool) -> None:
    """Any type at any key of a profile is read or is a ConfigError of one line that names the file."""
    start = {"client_id": "id", "tenant": "contoso.example", "apis": {"https://api.example.com": ["s"]}} if good else {}
    text = "[profiles.work]\n" + "".join(f"{key} = {_toml(value)}\n" for key, value in (start | table).items())
    path = tmp_path / "nbauth.toml"
    path.write_text(text, encoding="utf-8", errors="surrogatepass")
    said = _said(lambda: config.load(path).profiles["work"])
    assert "\n" not in said
    assert not said or str(path) in said


# The environment

_VARIABLES = (
    "AZURE_CLIENT_ID",
    "AZURE_TENANT_ID",
    "AZURE_AUTHORITY_HOST",
    "AZURE_CLIENT_SECRET",
    "AZURE_CLIENT_CERTIFICATE_PATH",
    "AZURE_CLIENT_CERTIFICATE_PASSWORD",
    "AZURE_FEDERATED_TOKEN_FILE",
    "NBAUTH_APIS",
    "NBAUTH_CA_BUNDLE",
)
_VALUE = (
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30)
    | st.sampled_from(
        ["id", "contoso.example", "https://login.microsoftonline.com/", "login.microsoftonline.us", "http://[", "a@b"]
    )
    | _JSON.map(json.dumps)
)


@_examples(400)
@given(given_=st.dictionaries(st.sampled_from(_VARIABLES), _VALUE), good=st.booleans())
@example(given_={"NBAUTH_APIS": _DEEP}, good=True)
@example(given_={"NBAUTH_APIS": "9" * 5000}, good=True)
@example(given_={"NBAUTH_APIS": '{"https://[": ["s"]}'}, good=True)
@example(given_={"AZURE_AUTHORITY_HOST": "https://[::1"}, good=True)
def test_any_environment_variables(given_: dict[str, str], *, good: bool) -> None:
    """Any values of the variables are a profile or a ConfigError of one line, which shows no secret."""
    environ = ({"AZURE_CLIENT_ID": "id", "AZURE_TENANT_ID": "contoso.example"} if good else {}) | given_
    if "AZURE_CLIENT_SECRET" in environ:
        environ["AZURE_CLIENT_SECRET"] = "s3cr3t-s3cr3t"
    said = _said(lambda: config.from_environment(environ))
    assert "\n" not in said
    assert "s3cr3t" not in said


# Discovery documents and the http cache


@_examples(300)
@given(document=_JSON | st.dictionaries(st.sampled_from(["token_endpoint", "jwks_uri", "metadata", "issuer"]), _JSON))
def test_any_discovery_document(document: Any) -> None:
    """Any JSON in place of a discovery document is allowed or not, and allowed only with our hosts."""
    allowed = endpoints_allowed(document, frozenset({"login.example.com:443"}))
    assert isinstance(allowed, bool)
    if allowed:
        assert document.get("token_endpoint") in (None, "https://login.example.com/t")


@_examples(200)
@given(body=st.binary(max_size=200) | _JSON.map(lambda value: json.dumps(value).encode()), signed=st.booleans())
def test_any_bytes_in_the_http_cache(tmp_path: Path, body: bytes, *, signed: bool) -> None:
    """Any bytes in the cache file, even under a good MAC, are an empty cache."""
    folder = tmp_path / "notebooks/.nbauth"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = HttpCacheFile(tmp_path / "notebooks", tmp_path / "state", {})
    whole = b"\n".join((b"nbauth-http-cache", b"1", file._mac(body), body)) if signed else body
    (folder / "http_cache").write_bytes(whole)
    assert set(HttpCache(file, frozenset({"login.example.com:443"}))) == {"_index_"}


# Token answers

_ID_TOKEN = "e30." + base64.urlsafe_b64encode(b'{"sub": "s"}').decode().rstrip("=") + "."
_ANSWER = {"access_token": "at", "token_type": "Bearer", "expires_in": 3600}
_NAMES = (
    *("access_token", "token_type", "expires_in", "ext_expires_in", "refresh_in", "expires_on", "refresh_token"),
    *("id_token", "client_info", "scope", "error", "foci"),
)
_PART = _JSON.map(lambda value: base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("="))


@_examples(500)
@given(
    changes=st.dictionaries(
        st.sampled_from(_NAMES),
        _JSON | _PART | _PART.map(lambda part: f"e30.{part}.x") | st.integers(0, 10**6).map(str) | st.just(_ID_TOKEN),
        max_size=3,
    )
)
@example(changes={"id_token": _ID_TOKEN, "client_info": "e30"})
@example(changes={"expires_in": "٣٦"})
@example(changes={"expires_in": 0.5})
def test_any_token_response(changes: dict[str, Any]) -> None:
    """What passes as a token answer, MSAL's cache takes and a token can be made of."""
    answer = _ANSWER | changes
    wrong = problem(answer)
    assert wrong is None or wrong.startswith("with ")
    if wrong is None and "error" not in answer:
        event = {"client_id": "id", "token_endpoint": "https://login.example.com/t/token", "response": dict(answer)}
        msal.TokenCache().add(event)
        token = AccessToken.of(answer)
        assert token.margin_s >= 0
        assert token.expires_at < time.time() + 2**31


# WWW-Authenticate

_CHALLENGE_PART = st.sampled_from(
    (
        *("Bearer", "Basic", " ", ",", "=", '"', "\\", "error", 'error="insufficient_claims"', "claims=", "eyJhIjoxfQ"),
        *(
            "é",
            'error="insufficient_user_authentication"',
            'acr_values="a b"',
            'max_age="5"',
            "max_age=99999999999",
            "\r\n",
        ),
    )
)


@_examples(400)
@given(header=st.lists(_CHALLENGE_PART | _TEXT, max_size=12).map("".join))
def test_any_challenge(header: str) -> None:
    """Any header asks for nothing, or for a JSON object."""
    claims = asked_claims(header)
    assert claims is None or isinstance(json.loads(claims), dict)


@_examples(200)
@given(claims=st.dictionaries(_TEXT, _JSON, min_size=1, max_size=3), before=st.sampled_from(["", "Basic a=b, "]))
def test_challenge_round_trip(claims: dict[str, Any], before: str) -> None:
    """Claims that are JSON come out of the header that they were put into."""
    try:
        text = json.dumps(claims, allow_nan=False)
    except ValueError:
        text = ""
    assume(text)
    encoded = base64.b64encode(text.encode()).decode()
    header = f'{before}Bearer realm="", error="insufficient_claims", claims="{encoded}"'
    assert json.loads(text) == json.loads(asked_claims(header) or "null")


# Link

_LINK_PART = st.sampled_from(["<", ">", ";", ",", "rel", "=", '"', "next", "\\", " ", "anchor", '<a>; rel="next"', "#"])


@_examples(400)
@given(header=st.lists(_LINK_PART | _TEXT, max_size=16).map("".join))
@example(header='<a>; rel="next"; anchor="https://["')
@example(header='<a>; rel="next"; anchor="//["')
def test_any_link_header(header: str) -> None:
    """Any header has no next link, or one whose target stands in it."""
    target = next_link(header, "https://api.example.com/rows")
    assert target is None or target in header


_URI = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters='<>"\\'), min_size=1, max_size=30)
_TOKEN = st.text(st.characters(codec="ascii", categories=["Ll", "Lu", "Nd"]), min_size=1, max_size=8)
_QUOTED = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12)


@_examples(300)
@given(
    links=st.lists(
        st.tuples(_URI, st.sampled_from(["prev", "first", "last next", "NEXT"]), _TOKEN, _QUOTED, st.booleans()),
        min_size=1,
        max_size=4,
    )
)
def test_link_round_trip(links: list[tuple[str, str, str, str, bool]]) -> None:
    """The first next link of a well-formed header is found, whatever stands in the quoted text beside it."""
    written = []
    for uri, relation, name, value, first in links:
        assume(name.lower() not in ("rel", "anchor"))
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        pair = [f'rel="{relation}"', f'{name}="{escaped}"']
        written.append(f"<{uri}>; {'; '.join(pair if first else reversed(pair))}")
    expected = next((uri for uri, relation, *_ in links if "next" in relation.lower().split()), None)
    found = next_link(", ".join(written), "https://api.example.com/rows")
    assert expected == found
    assert expected is None or urljoin("https://api.example.com/", "/" + quote(expected))


# Redirects

_ADDRESS_PART = st.sampled_from(
    (
        *(
            "https://localhost/",
            "http://[",
            "?",
            "#",
            "&",
            "=",
            "state=",
            "state=s",
            "code=",
            "code=c",
            "%",
            "%zz",
            "+",
        ),
        *("@", " ", "\n", "\t", "\r\n", "<", ">", '"', ";", "state=t", "iss=https%3A%2F%2Fa.example"),
    )
)


@_examples(500)
@given(text=st.lists(_ADDRESS_PART | _TEXT, max_size=12).map("".join))
@example(text="http://[?state=s&code=c")
@example(text="https://localhost/?" + "&".join(f"a{n}=1" for n in range(60)) + "&state=s")
@example(text="state=s&state=s")
@example(text="state=\ud800")
@example(text="https://\u2100.example/?state=s")
@example(text="?state=" + "9" * 1_000_000)
def test_anything_pasted(text: str) -> None:
    """Whatever a person pastes is a dict of texts, empty where it is no redirect."""
    answer = parameters(text)
    assert all(isinstance(key, str) and isinstance(value, str) for key, value in answer.items())
    taken = answer.get("state") == "s" and bool({"code", "error"} & set(answer))
    assert is_answer({"state": "s"}, answer) is taken


@_examples(300)
@given(
    code=st.text(min_size=1, max_size=40),
    state=st.text(min_size=1, max_size=40),
    style=st.sampled_from(["https://localhost/{}", "http://localhost:8888/a?x", "?", "#", "", " https://h.example/#"]),
    around=st.sampled_from(["{}", "  {}\n", "<{}>", '"{}"', "`{}`", "\u200b{}"]),
    broken=st.integers(0, 60),
)
def test_pasted_round_trip(code: str, state: str, style: str, around: str, broken: int) -> None:
    """An address is understood as it comes out of a browser, a chat or a terminal that broke it into lines."""
    try:
        query = urlencode({"code": code, "state": state})
    except UnicodeEncodeError:
        query = ""
    assume(query)
    start = {"https://localhost/{}": "https://localhost/?", "http://localhost:8888/a?x": "http://localhost:8888/a?"}
    address = start.get(style, style) + query
    address = address[:broken] + "\n" + address[broken:] if broken and "://" in style else address
    assert {"code": code, "state": state} == parameters(around.format(address))


# Times


@_examples(400)
@given(value=_TEXT | st.integers().map(str) | st.floats().map(str) | st.datetimes().map(lambda d: d.ctime()))
@example(value="Mon, 01 Jan 0001 00:00:00 +2359")
@example(value="Mon, 01 Jan 9999 23:59:59 -2359")
@example(value="Mon, 01 Jan 2000 00:00:00 +99999999999999999999")
@example(value="Mon, 01 Jan 99999999999 00:00:00 GMT")
@example(value="9" * 5000)
@example(value="٣")
@example(value="1_0")
def test_any_retry_after_and_date(value: str) -> None:
    """Any Retry-After is between a second and an hour, and any Date is a difference in seconds."""
    assert 1 <= throttle_s(value) <= 3600
    assert isinstance(ahead_s(value), float)


# Origins

_URL_PART = st.sampled_from(
    (
        *(
            "https://",
            "http://",
            "HTTPS://",
            "ftp://",
            "//",
            "/",
            "\\",
            "@",
            ":",
            "443",
            "8443",
            "[::1]",
            "[",
            "]",
            "?",
        ),
        *("#", "api.example.com", "API.Example.com.", "127.0.0.1", "0x7f.1", "localhost", "ß", "\uff41", "\u3002"),
        *("%2e", "%25", "fe80::1", " ", "\t", "\n"),
    )
)


@_examples(1000)
@given(url=st.lists(_URL_PART | st.text(max_size=4), min_size=1, max_size=6).map("".join))
@example(url="https://api.example.com\\@evil.example/")
@example(url="https://straße.example/")
@example(url="https://[::ffff:127.0.0.1]/")
@example(url="https://[fe80::1%25eth0]/")
@example(url="https://api.example.com:/")
@example(url="https://api.example.com:\uff10443/")
def test_any_origin(url: str) -> None:
    """An origin is its own origin, and the host that requests would connect to; the rest is a ValueError."""
    redact_url(url)
    try:
        origin = origin_of(url)
    except ValueError:
        return
    assert origin == origin_of(origin) == origin_of(origin.upper())
    assert isinstance(is_loopback(url), bool)
    assert isinstance(is_loopback(origin), bool)
    try:
        sent = parse_url(url)
    except LocationParseError:
        return  # requests would not send it
    host = (sent.host or "").rstrip(".")
    assert origin_of(f"{sent.scheme}://{host}:{sent.port or {'https': 443, 'http': 80}[sent.scheme or '']}") == origin


@pytest.mark.parametrize("url", ["", "https://", "https:///a", "http://a b/", "https://a@b/", "https://a:99999/"])
def test_no_origins(url: str) -> None:
    """What has no origin is a ValueError."""
    with pytest.raises(ValueError, match=r"URL|[Pp]ort"):
        origin_of(url)
