"""The rows that the servers hold, and how one is run: it prints its origin first, and ends with its input."""

from __future__ import annotations

import os
import socket
import sys
import threading
from typing import Any

SIZES = (0, 1, 10, 20, 25)


def rows(size: int) -> list[dict[str, Any]]:
    """Return so many rows."""
    return [{"id": n, "name": f"row {n}", "amount": n / 4 if n % 4 else None} for n in range(size)]


def announce(listener: socket.socket) -> None:
    """Print the origin, and end with the input."""
    print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)

    def wait() -> None:
        sys.stdin.read()
        os._exit(0)

    threading.Thread(target=wait, daemon=True).start()


def run_asgi(app: Any) -> None:
    """Serve an ASGI application."""
    import uvicorn

    listener = socket.create_server(("127.0.0.1", 0))
    announce(listener)
    uvicorn.Server(uvicorn.Config(app, log_level="error")).run(sockets=[listener])
