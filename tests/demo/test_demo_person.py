"""The person: real pages, a real listener at the end of them."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

import pytest

from nbauth.demo import Person
from nbauth.demo.server import HUB_REDIRECT_URI

if TYPE_CHECKING:
    from demo_client import Client


class Landing:
    """A client's listener that notes what reached it."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, dict[str, str]]] = []
        landing = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
                landing.seen.append((self.command, self.path, dict(parse_qsl(body))))
                self.send_response(200)
                self.end_headers()

            do_GET = do_POST = answer  # noqa: N815

            def log_message(self, *_: object) -> None:
                """Keep quiet."""

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        self.uri = f"http://localhost:{self._server.server_port}"

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def landing():
    """A listener to land at."""
    made = Landing()
    yield made
    made.close()


def test_the_code_in_the_query(client: Client, landing: Landing):
    """The browser fetches the redirect URI with the code in its query."""
    address = Person().open(client.authorize_url(redirect_uri=landing.uri))
    [(method, path, _)] = landing.seen
    assert method == "GET"
    assert address == landing.uri + path
    assert "code" in dict(parse_qsl(urlsplit(path).query))


def test_the_code_by_form_post(client: Client, landing: Landing):
    """With form_post the browser posts the code, and the address shows nothing of it."""
    address = Person().open(client.authorize_url(redirect_uri=landing.uri, response_mode="form_post"))
    [(method, path, form)] = landing.seen
    assert ("POST", "/", landing.uri) == (method, path, address)
    assert {"code", "state", "iss"} == set(form)


def test_the_code_in_the_fragment(client: Client, landing: Landing):
    """With fragment the listener sees no code, the address bar does."""
    address = Person().open(client.authorize_url(redirect_uri=landing.uri, response_mode="fragment"))
    assert landing.seen == [("GET", "/", {})]
    assert "code" in dict(parse_qsl(urlsplit(address).fragment))


def test_nobody_listens(client: Client):
    """Where nothing answers, or elsewhere, the address is still there to be copied."""
    assert "code=" in Person().open(client.authorize_url(redirect_uri="http://localhost:9"))
    hub = Person().open(client.authorize_url(redirect_uri=HUB_REDIRECT_URI, response_mode="fragment"))
    assert hub.startswith(f"{HUB_REDIRECT_URI}#code=")


def test_cancel_reaches_the_listener(client: Client, landing: Landing):
    """Cancel is told to the listener like anything else."""
    Person("cancel").open(client.authorize_url(redirect_uri=landing.uri))
    assert "error=access_denied" in landing.seen[0][1]


def test_address_after_fetches_nothing(client: Client, landing: Landing):
    """The paste flow's person copies the address without going there."""
    assert "code=" in Person().address_after(client.authorize_url(redirect_uri=landing.uri))
    assert not landing.seen
