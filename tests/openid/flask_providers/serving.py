"""A Flask provider on loopback over TLS, with a protected API beside it: the suite starts it, tells it, and ends it.

Each program here takes a directory that holds ``server.pem`` (key and certificate) and prints its origin. What the
suite tells it comes under ``/suite/``; it ends with its input.
"""

from __future__ import annotations

import os
import socket
import ssl
import sys
import threading
from typing import TYPE_CHECKING

from flask import jsonify, request
from werkzeug.serving import WSGIRequestHandler, make_server

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from flask import Flask

SECRET = "the-secret-of-the-job"
CITIES = ("Lima", "Oslo", "Pune")


def listening() -> tuple[socket.socket, str]:
    """Return a socket, and the origin that it is going to have: providers want to know their issuer first."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    return listener, f"https://localhost:{listener.getsockname()[1]}"


class Api:
    """A protected API beside a provider, and what the suite tells.

    Args:
        whose: returns whose a token is, and its scopes, in the provider's own way; or None for one that is not good.
        scope: what the API asks for.
    """

    def __init__(self, whose: Callable[[str], tuple[str, list[str]] | None], scope: str) -> None:
        self._whose, self._scope = whose, scope
        self._seen: list[str] = []
        self._forgotten: set[str] = set()

    def add_to(self, app: Flask) -> None:
        """Answer beside an application's own pages."""
        app.before_request(self._note)
        app.add_url_rule("/api/<what>", "api", self._answer)
        app.add_url_rule("/suite/<what>", "suite", self._told)

    def _note(self) -> None:
        if not request.path.startswith("/suite/"):
            self._seen.append(f"{request.method} {request.path}")

    def _answer(self, what: str) -> object:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        found = self._whose(token) if scheme == "Bearer" and token not in self._forgotten else None
        if found is None:
            return jsonify(error="invalid_token"), 401
        if self._scope not in found[1]:
            return jsonify(error="insufficient_scope"), 403
        if what == "me":
            return jsonify(who=found[0])
        page = int(request.args.get("page", 1))
        rows = jsonify([{"id": 3 * (page - 1) + n, "city": city} for n, city in enumerate(CITIES)])
        if page == 1:
            rows.headers["Link"] = f'<{request.base_url}?page=2>; rel="next"'
        return rows

    def _told(self, what: str) -> object:
        there = list(self._seen)
        if what == "forget":
            self._forgotten.add(request.args["token"])
        if what == "requests":
            self._seen.clear()
        return jsonify(requests=there)


class _Quiet(WSGIRequestHandler):
    def log(self, *_: object) -> None:
        """Say nothing: addresses have codes."""


def serve(app: Flask, listener: socket.socket, origin: str, directory: Path) -> None:
    """Serve until the input is closed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "server.pem")
    server = make_server(
        "127.0.0.1",
        listener.getsockname()[1],
        app,
        threaded=True,
        request_handler=_Quiet,
        fd=listener.fileno(),
    )
    # The handshake is made by the thread of the request: somebody who only connects holds nobody up.
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.base_environ = {}
    server.ssl_context = context  # the request's scheme is https
    threading.Thread(target=_end_with_input, daemon=True).start()
    print(origin, flush=True)
    server.serve_forever()


def _end_with_input() -> None:
    sys.stdin.read()
    os._exit(0)
