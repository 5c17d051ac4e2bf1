from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbauth.net.origins import api_origin_of, display_url, is_loopback, origin_of, redact_url


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://graph.microsoft.com/v1.0/me", "https://graph.microsoft.com:443"),
        ("HTTPS://Graph.Microsoft.COM:443", "https://graph.microsoft.com:443"),
        ("https://graph.microsoft.com.", "https://graph.microsoft.com:443"),
        ("http://localhost:8080/x?y#z", "http://localhost:8080"),
        ("https://[::1]:8443/", "https://[::1]:8443"),
        ("https://[0:0:0:0:0:0:0:1]/", "https://[::1]:443"),
        ("https://host/rows?$filter=Name eq 'Bob'", "https://host:443"),
        ("https://host?x=a\\b", "https://host:443"),
        ("https://bücher.example", "https://xn--bcher-kva.example:443"),
    ],
)
def test_one_form(url: str, origin: str) -> None:
    """Spellings of one origin have one form."""
    assert origin_of(url) == origin


@pytest.mark.parametrize(
    "url",
    [
        "",
        "graph.microsoft.com",
        "ftp://host",
        "https://",
        "https://user@host",
        "https://user:pass@host",
        "https://good.example\\@evil.example",
        "https://good.example\t.evil.example",
        "https://host:99999",
        "https://host:port",
        "https://[::1",
        " https://host",
        "https://ho st/",
        "https://good.example\\.evil.example/",
        "https:\\\\host/",
        "javascript:alert(1)",
    ],
)
def test_what_parsers_disagree_on(url: str) -> None:
    """A URL that two parsers could read differently has no origin."""
    with pytest.raises(ValueError):
        origin_of(url)


@given(st.text(max_size=60))
def test_never_another_exception(text: str) -> None:
    """Whatever is given, the answer is an origin or a ValueError."""
    for url in (text, "https://" + text):
        try:
            origin = origin_of(url)
        except ValueError:
            continue
        assert origin_of(origin) == origin


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://localhost:1", True),
        ("http://127.8.9.1", True),
        ("http://[::1]:5", True),
        ("http://localhost.evil.example", False),
        ("http://127.0.0.1.evil.example", False),
        ("http://10.0.0.1", False),
        ("https://example.org", False),
    ],
)
def test_only_this_machine_is_loopback(url: str, *, expected: bool) -> None:
    """Only this machine's own names and addresses are loopback."""
    assert is_loopback(url) is expected


def test_a_url_in_a_message_shows_no_secret() -> None:
    """A URL in a message shows no values of its query, no fragment and no password."""
    url = "https://user:secret@host/path?sig=SECRET&se=2026#token=SECRET"
    assert redact_url(url) == "https://host/path?sig=…&se=…"
    assert redact_url("https://[x") == "a URL that cannot be read"


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("postgresql://DB.example./sales", "postgresql://db.example:5432"),
        ("mssql://db.example", "mssql://db.example:1433"),
        ("https://a.example", "https://a.example:443"),
    ],
)
def test_a_database(url: str, origin: str) -> None:
    """A database has an origin where tokens are meant, and none where HTTP is."""
    assert api_origin_of(url) == origin
    assert display_url(origin) == origin.rpartition(":")[0]
    if not origin.startswith("https"):
        with pytest.raises(ValueError, match="must start with https"):
            origin_of(url)
