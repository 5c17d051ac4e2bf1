"""Microsoft's own host names, pinned to the demo provider on loopback: a profile in a test reads as a person's does."""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

    from nbauth.demo.server import DemoServer

__all__ = ["HOSTS", "pinned_to"]

HOSTS = (
    "login.microsoftonline.com",
    "login.windows.net",
    "login.microsoftonline.us",
    "login.partner.microsoftonline.cn",
    "login.sovcloud-identity.fr",
    "login.sovcloud-identity.de",
    "login.sovcloud-identity.sg",
    "westeurope.login.microsoft.com",
    "westeurope.login.microsoftonline.us",
    "contoso.ciamlogin.com",
    "contoso.b2clogin.com",
    "login.contoso.example",
    "adfs.contoso.example",
    "id.contoso.example",
)


@contextlib.contextmanager
def pinned_to(demo: DemoServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[set[str]]:
    """Resolve `HOSTS` at port 443 to the demo provider, this machine to itself, and every other name to nothing.

    The name stays in TLS, in ``Host`` and in every check; only where the connection goes is decided here.

    Returns:
        The names that were looked up, as they come.
    """
    port = int(demo.provider.origin.rpartition(":")[2])
    resolve = socket.getaddrinfo
    asked: set[str] = set()

    def pinned(host: Any, service: Any, *rest: Any, **options: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else str(host)
        asked.add(name)
        if name in HOSTS and service == 443:
            return resolve("127.0.0.1", port, *rest, **options)
        if name in ("localhost", "127.0.0.1"):
            return resolve(name, service, *rest, **options)
        raise socket.gaierror(socket.EAI_NONAME, f"{name} is not pinned")

    # Undone with all else that the test patches, the last first: a context of its own would end before a patch that a
    # test puts on top, whose end would then put this one back for good.
    monkeypatch.setattr(socket, "getaddrinfo", pinned)
    yield asked
