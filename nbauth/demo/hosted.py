"""``nbauth demo --run``: beside a Jupyter server that people reach through a hub, as on Binder.

There the browser reaches neither the provider's pages nor a listener of the kernel's, but the Jupyter server and, by
jupyter-server-proxy, ports beside it. So the pages are told to be where that leads, and the answer goes to the Jupyter
server's callback page. The kernel's own requests stay on loopback, where no hub asks for a cookie.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Self

from nbauth.demo.http.faults import Faults
from nbauth.demo.http.listener import Listener
from nbauth.demo.http.messages import Response
from nbauth.demo.http.request_log import RequestLog
from nbauth.errors import ConfigError

if TYPE_CHECKING:
    from types import TracebackType

    from nbauth.demo.http.messages import Request
    from nbauth.demo.server import DemoServer

__all__ = ["Door", "run"]


class Door:
    """Where people come in, as a context manager: it learns where the Jupyter server is, and leads there.

    No variable tells what a hub's host is: `BINDER_LAUNCH_HOST` is where the person pressed the button, which may be
    another one. Their browser's first request does. It came through the Jupyter server, which let nobody else in.

    Args:
        demo: what people come for.
        port: port to listen on; 0 for any that is free.

    Attributes:
        port: the port it listens on.
    """

    def __init__(self, demo: DemoServer, port: int = 0) -> None:
        self._demo = demo
        self._listener = Listener(
            self._answer, name="door", port=port, tls=None, faults=Faults(), log=RequestLog(), any_host=True
        )
        self.port = self._listener.port

    def __enter__(self) -> Self:
        self._listener.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.close()

    def _answer(self, request: Request) -> Response:
        server_url = self._server_url(request)
        if server_url is None:
            return Response.text(
                f"Open this by a Jupyter server with jupyter-server-proxy: /proxy/{self.port}/.", status=400
            )
        self._demo.publish(server_url)
        # The whole address: of a path alone jupyter-server-proxy takes that it is meant below its own.
        return Response.redirect(server_url + request.path.lstrip("/"))

    def _server_url(self, request: Request) -> str | None:
        """Return the Jupyter server's address in the browser, or None for a request that did not come by it."""
        own = f"/proxy/{self.port}"
        context = request.headers.get("X-Forwarded-Context", "")  # jupyter-server-proxy's word for the path to here
        host = request.headers.get("Host", "")
        if not context.endswith(own) or not host:
            return None
        # Each proxy adds what it saw itself: the first saw the browser.
        scheme = request.headers.get("X-Forwarded-Proto", "http").partition(",")[0].strip()
        return f"{scheme}://{host}{context.removesuffix(own)}/"


def run(command: list[str], *, port: int = 0) -> int:
    """Run a Jupyter server with the demo beside it, until it ends or this process is told to.

    Args:
        command: the Jupyter server's command line. Its kernels have the demo's profile.
        port: port of the provider; 0 takes any. Its pages, the API and the door are on the next three.

    Returns:
        The command's exit status.

    Raises:
        ConfigError: there is no such command.
    """
    from nbauth.demo.beside import run_beside
    from nbauth.demo.serve import told_to_end
    from nbauth.demo.server import DemoServer

    if not command or shutil.which(command[0]) is None:
        raise ConfigError(
            f"There is no command {' '.join(command[:1])!r} to run.", next_step="Run: nbauth demo --run jupyter lab"
        )
    with DemoServer(port=port) as demo, Door(demo, port + 3 if port else 0) as door, told_to_end() as told:
        print(f"The demo is at /proxy/{door.port}/ of the Jupyter server that starts now.", flush=True)
        return run_beside(demo, command, told=told)
