from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from loads import read
from loopback_api import Reply, as_json

from nbauth.data.fetch.charsets import charset_of
from nbauth.data.fetch.headers import is_credential
from nbauth.data.fetch.http_errors import clean
from nbauth.data.parse.csv import FORMAT as CSV
from nbauth.data.parse.formats import format_of
from nbauth.errors import ApiError

if TYPE_CHECKING:
    from loopback_api import Server

    from nbauth.data.fetch.session import Session

JWT = "eyJ0eXAiOiJKV1QiLCJhbGciOi.eyJhdWQiOiJhcGkifQ.c2lnbmF0dXJl-_x"
GUID = "8f14e45f-ceea-467f-a0e6-1b5b3e4f3a0c"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Not today.", "Not today."),
        ("two\r\n lines\x00\t here", "two lines here"),
        (f"token {JWT} is bad", "token *** is bad"),
        ("Bearer abc.def-123 is bad", "Bearer *** is bad"),
        ('{"access_token": "abcdef123"}', '{"access_token": "***"}'),
        ("client_secret=abcdef123&x=1", "client_secret=***&x=1"),
        ("at https://x.example/a?sig=abc&se=1#f.", "at https://x.example/a?sig=…&se=…"),
        ("see http://[x", "see a URL that cannot be read"),
        ("x" * 20 + "1" * 30, "***"),
        (f"Correlation ID: {GUID}", f"Correlation ID: {GUID}"),
        ("Authorization_RequestDenied: Insufficient privileges to complete the operation.",) * 2,
        ("The token expired: sign in again", "The token expired: sign in again"),
        ("code: Forbidden", "code: ***"),
        ("Aa1/" * 20, "***"),
        (
            "No /subscriptions/" + GUID + "/resourceGroups/group1 here",
            "No /subscriptions/" + GUID + "/resourceGroups/group1 here",
        ),
        ("x/" + "ab1" * 20 + "-" + "/y", "***"),
    ],
)
def test_text_of_an_api_on_one_line(text: str, expected: str) -> None:
    """Text of an API is put on one line, without what looks like a secret, and otherwise as it is."""
    assert clean(text) == expected


def test_clean_is_short() -> None:
    """A long text is cut to 300 characters."""
    assert len(clean("word " * 1000)) == 300


@pytest.mark.parametrize("text", ["a" * 100_000, "a1" * 50_000, "code" * 20_000, "eyJ" + "a." * 50_000, "=" * 100_000])
def test_clean_is_quick(text: str) -> None:
    """No text makes the patterns run for long."""
    start = time.perf_counter()
    clean(text)
    clean("word " + text)
    assert time.perf_counter() - start < 2


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"error": {"code": "X", "message": "of OData 4"}}', "of OData 4"),
        (b'{"odata.error": {"code": "X", "message": {"lang": "en", "value": "of OData 3"}}}', "of OData 3"),
        (b'{"error": "invalid_request", "error_description": "of OAuth"}', "of OAuth"),
        (b'{"type": "about:blank", "title": "Bad", "detail": "of RFC 9457"}', "of RFC 9457"),
        (b'{"title": "only a title"}', "only a title"),
        (b'{"message": "plain"}', "plain"),
        (b'{"error": "just a word"}', "just a word"),
        (b'"a string"', "a string"),
        (b"not JSON", "not JSON"),
        (b"<html>long page", "Bad Request"),
        (b"[1]", "400"),
        (b"", "Bad Request"),
    ],
)
def test_the_words_of_the_api(session: Session, api: Server, body: bytes, words: str) -> None:
    """The API's own words are found in whatever form it has for errors."""
    api.routes["/x"] = Reply(body, status=400)
    with pytest.raises(ApiError, match=words) as caught:
        read(session, f"{api.origin}/x")
    assert "{" not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "headers", "words"),
    [
        (401, {}, "run: nbauth.login()"),
        (
            401,
            {"WWW-Authenticate": 'Bearer error="insufficient_claims", claims="e30="'},
            "new sign-in: nbauth.logout()",
        ),
        (
            403,
            {"WWW-Authenticate": 'Bearer error="insufficient_scope", scope="api://x/Data.Read"'},
            "api://x/Data.Read",
        ),
        (403, {"WWW-Authenticate": 'Bearer error="insufficient_scope"'}, "another scope"),
        (403, {}, "ask whoever runs the API"),
        (404, {}, "Check the URL"),
        (429, {"Retry-After": "600"}, "in 600 s"),
        (429, {}, "later"),
        (503, {"Retry-After": "Fri, 31 Dec 2027 23:59:59 GMT"}, "after Fri, 31 Dec 2027"),
        (500, {}, None),
    ],
)
def test_next_step(session: Session, api: Server, status: int, headers: dict[str, str], words: str | None) -> None:
    """An error says what to do next, where that is known."""
    api.routes["/x"] = as_json({}, status=status, headers=headers)
    with pytest.raises(ApiError) as caught:
        read(session, f"{api.origin}/x")
    assert caught.value.next_step is None if words is None else words in str(caught.value.next_step)


def test_truncated_error(session: Session, api: Server) -> None:
    """An error status counts, even if its body breaks off."""
    api.routes["/x"] = Reply(b'{"mess', status=500, announce=1000)
    with pytest.raises(ApiError) as caught:
        read(session, f"{api.origin}/x")
    assert caught.value.status == 500


def test_formats_unknown() -> None:
    """A content type that says something is not overruled by the URL."""
    assert format_of("text/html", "https://x/a.csv") is None
    assert format_of("application/octet-stream", "https://x/a", "https://x/b.csv?c=d.json") is CSV


@pytest.mark.parametrize("content_type", ["text/csv; charset=hex", "text/csv; charset=nope"])
def test_charsets_unknown(content_type: str) -> None:
    """What is no character set is an error, codecs of Python's own among them."""
    with pytest.raises(LookupError):
        charset_of(content_type)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Cookie", True),
        ("x-api-key", True),
        ("X-ApiKey", True),
        ("api-key", True),
        ("Ocp-Apim-Subscription-Key", True),
        ("X-Functions-Key", True),
        ("Proxy-Authorization", True),
        ("X-Auth", True),
        ("X-MS-TOKEN-AAD-ACCESS-TOKEN", True),
        ("Accept", False),
        ("Prefer", False),
        ("Keep-Alive", False),
        ("ConsistencyLevel", False),
        ("X-Monkey-Count", False),
        ("x-ms-version", False),
    ],
)
def test_credential_headers(name: str, *, expected: bool) -> None:
    """Names of headers that hold keys are told from others."""
    assert is_credential(name) is expected
