"""Files over https on this machine, each for whoever brings a token that the demo provider signed."""

from __future__ import annotations

import contextlib
import ssl
from email.message import Message
from typing import TYPE_CHECKING

from loopback_api import Reply, serving
from ranged_files import RangedFile

from nbauth.demo.api.bearer import ApiError, BearerCheck
from nbauth.demo.http.messages import Request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from loopback_api import Seen, Server

    from nbauth.demo.server import DemoServer


def tls_of(demo: DemoServer) -> ssl.SSLContext:
    """Return the server's side of TLS with the demo's certificate, which its profiles trust."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(demo.directory / "server.pem")
    return context


def checked(demo: DemoServer, answer: Callable[[Seen], Reply], *, audience: str = "api://nbauth-demo") -> object:
    """Return a route that answers as another one does, once the request's token has been found good."""
    check = BearerCheck(demo.provider, audience=audience)

    def route(seen: Seen) -> Reply:
        headers = Message()
        headers["Authorization"] = seen.headers.get("authorization", "")
        try:
            check(Request(method=seen.method, path=seen.path, query={}, headers=headers), scope="Data.Read", role=None)
        except ApiError as error:
            return Reply(error.code.encode(), error.status)
        return answer(seen)

    return route


@contextlib.contextmanager
def serving_files(demo: DemoServer) -> Iterator[Server]:
    """Run an API over https for files of one's own; its origin still has to be named by a profile."""
    with serving(tls_of(demo)) as server:
        yield server


def add_folder(server: Server, demo: DemoServer, folder: Path, at: str) -> dict[str, RangedFile]:
    """Serve every file in a folder; return them by their paths in it."""
    files = {
        str(path.relative_to(folder)): RangedFile(path.read_bytes()) for path in folder.rglob("*") if path.is_file()
    }
    server.routes |= {f"{at}/{name}": checked(demo, file) for name, file in files.items()}  # type: ignore[dict-item]
    return files
