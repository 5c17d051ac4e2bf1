"""When a registered redirect URI ends on the server whose page waits for it, and what the browser reaches."""

from __future__ import annotations

from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

import pytest

from nbauth.signin.flows.browser_page import CALLBACK_PATH, BrowserPage, callback_uri, may_probe
from nbauth.signin.flows.callback_page import channel_name
from nbauth.signin.flows.loopback_probe import LoopbackProbe

OPENER = build_opener(ProxyHandler({}))


def _page(origin: str, base: str = "/") -> BrowserPage:
    return BrowserPage(
        origin=origin, callback=f"{origin}{base}{CALLBACK_PATH}", callback_served=True, reaches_kernel=False
    )


@pytest.mark.parametrize(
    ("registered", "page", "expected"),
    [
        # A single server, at its own address.
        (
            f"https://lab.example.org/{CALLBACK_PATH}",
            _page("https://lab.example.org"),
            f"https://lab.example.org/{CALLBACK_PATH}",
        ),
        (f"https://lab.example.org/{CALLBACK_PATH}", _page("https://lab.example.org", "/base/"), None),
        (f"https://lab.example.org/{CALLBACK_PATH}", _page("https://other.example.org"), None),
        (f"https://lab.example.org/{CALLBACK_PATH}", _page("https://lab.example.org:8443"), None),
        (f"https://lab.example.org/{CALLBACK_PATH}", _page("http://lab.example.org"), None),
        # This machine, or a tunnel to it: any port, but the host as it is registered.
        (
            f"http://localhost/{CALLBACK_PATH}",
            _page("http://localhost:8888"),
            f"http://localhost:8888/{CALLBACK_PATH}",
        ),
        (f"http://localhost/{CALLBACK_PATH}", _page("http://127.0.0.1:8888"), None),
        (f"http://localhost/{CALLBACK_PATH}", _page("http://localhost:8888", "/user/jo/"), None),
        # A hub, which leads everybody to the server of their own.
        (
            f"https://hub.example.org/hub/user-redirect/{CALLBACK_PATH}",
            _page("https://hub.example.org", "/user/jo/"),
            f"https://hub.example.org/hub/user-redirect/{CALLBACK_PATH}",
        ),
        (
            f"https://hub.example.org/jupyter/hub/user-redirect/{CALLBACK_PATH}",
            _page("https://hub.example.org", "/jupyter/user/jo/"),
            f"https://hub.example.org/jupyter/hub/user-redirect/{CALLBACK_PATH}",
        ),
        (
            f"https://hub.example.org/hub/user-redirect/{CALLBACK_PATH}",
            _page("https://jo.hub.example.org", "/user/jo/"),
            f"https://hub.example.org/hub/user-redirect/{CALLBACK_PATH}",
        ),
        (f"https://hub.example.org/hub/user-redirect/{CALLBACK_PATH}", _page("https://hub.example.org"), None),
        (
            f"https://hub.example.org/hub/user-redirect/{CALLBACK_PATH}",
            _page("https://evilhub.example.org", "/user/jo/"),
            None,
        ),
        (
            f"http://localhost/hub/user-redirect/{CALLBACK_PATH}",
            _page("http://localhost:8000", "/user/jo/"),
            f"http://localhost:8000/hub/user-redirect/{CALLBACK_PATH}",
        ),
        # Neither.
        ("http://localhost", _page("http://localhost:8888"), None),
        (None, _page("http://localhost:8888"), None),
        (f"http://localhost/{CALLBACK_PATH}", _page("null"), None),
    ],
)
def test_callback_uri(registered: str | None, page: BrowserPage, expected: str | None) -> None:
    """The callback page is used where the answer comes back to the origin of the page that waits, and only there."""
    assert expected == callback_uri(registered, page)


def test_channel_name() -> None:
    """The channel's name is made of the whole state, and does not tell it."""
    assert channel_name("a" * 43) != channel_name("a" * 42 + "b")
    assert "aaaa" not in channel_name("a" * 43)
    assert len(channel_name("x")) == len("nbauth-") + 64


def test_loopback_probe() -> None:
    """The probe tells its word to whoever knows its path, lets that page's origin read it, and ends."""
    with LoopbackProbe("http://localhost:8888") as probe:
        with OPENER.open(Request(probe.url), timeout=5) as answer:
            assert probe.word == answer.read().decode()
            assert answer.headers["Access-Control-Allow-Origin"] == "http://localhost:8888"
        with pytest.raises(HTTPError, match="404") as caught:
            OPENER.open(f"{probe.url}x", timeout=5)
        assert probe.word not in caught.value.read().decode()
    with pytest.raises(OSError, match="refused"):
        OPENER.open(probe.url, timeout=5)


@pytest.mark.parametrize(
    ("origin", "asked"),
    [
        ("http://localhost:8888", True),
        ("vscode-webview://0abc", True),
        ("https://lab.example.org", False),
        ("null", False),
        ("http://[", False),
        ("vscode-webview://0abc\r\nSet-Cookie: a=b", False),
        ("http://localhost/\r\nSet-Cookie: a=b", False),
        ("vscode-webview://…", False),
    ],
)
def test_which_pages_probe(*, origin: str, asked: bool) -> None:
    """A page on this machine or in an editor does; what is no origin is no page's, and gets into no header."""
    assert may_probe(origin) is asked
