"""An https server on loopback that answers those alone who bring a good token of the demo provider: a stand-in.

The client library of a service is the real one; what answers is a test's own routes. Each token is checked as the demo
API checks it: signature by the provider's keys, issuer, audience, lifetime, scope or role, and claims that the test
demands (`server.bearer.demanded`).
"""

from __future__ import annotations

import contextlib
import dataclasses
import ssl
from email.message import Message
from typing import TYPE_CHECKING, Any

from loopback_api import Reply, Server

from nbauth import kernel
from nbauth.demo.api.bearer import ApiError, BearerCheck
from nbauth.demo.http.messages import Request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from loopback_api import Seen

    from nbauth.demo.server import DemoServer

__all__ = ["TokenCheckingServer", "serving_those_with_a_token"]

SCOPE = "user_impersonation"


class TokenCheckingServer(Server):
    """Answers from `routes`, as `Server` does, whoever brings a good token; everybody else gets 401 or 403.

    Args:
        demo: whose provider's tokens count; its authority vouches for the server.
        resource: the audience that a token must have; the provider issues tokens for it from now on.
        scopes: what a person's token may hold; it must hold the first.
        in_header: whether each request needs a token in its `Authorization` header. A service whose tokens come
            another way, such as in a body, calls `check` in its route.

    Attributes:
        seen: every request, oldest first, refused ones too.
        accepted: the claims of each good token, one a request.
        refused: what was wrong with the others, one a request.
        tokens: the good tokens in the order in which they first came.
        bearer: what checks them.
    """

    def __init__(
        self, demo: DemoServer, *, resource: str, scopes: tuple[str, ...] = (SCOPE,), in_header: bool = True
    ) -> None:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(demo.directory / "server.pem")
        demo.provider.register_resource(resource, scopes=scopes, roles=[f"{scope}.All" for scope in scopes])
        self.bearer = BearerCheck(demo.provider, audience=resource)
        self.resource, self.scopes = resource, scopes
        self.accepted: list[dict[str, Any]] = []
        self.refused: list[str] = []
        self.tokens: list[str] = []
        self._in_header = in_header
        self._demo = demo
        super().__init__(tls)

    def check(self, token: str) -> dict[str, Any]:
        """Return the claims of a good token, and note it.

        Raises:
            ApiError: it is none, or not enough.
        """
        headers = Message()
        headers["Authorization"] = f"Bearer {token}" if token else ""
        request = Request(method="GET", path="/", query={}, headers=headers)
        try:
            claims = self.bearer(request, scope=self.scopes[0], role=f"{self.scopes[0]}.All")
        except ApiError as error:
            self.refused.append(error.message)
            raise
        self.accepted.append(claims)
        if token not in self.tokens:
            self.tokens.append(token)
        return claims

    def answer(self, seen: Seen, route: Callable[[Seen], Reply] | Reply | None) -> Reply:
        """Answer a request from a route, after its token."""
        if self._in_header:
            try:
                self.check(seen.token or "")
            except ApiError as error:
                response = error.to_response()
                assert isinstance(response.body, bytes)
                return Reply(response.body, response.status, dict(response.headers))
        return super().answer(seen, route)

    def add_profile(self, name: str = "stub", *, like: str = "demo", **changes: Any) -> None:
        """Make a profile known that names this server, and no other.

        Args:
            name: its name.
            like: a profile of the demo: ``demo`` is a person's, ``nightly`` an application's.
            changes: its other fields.
        """
        known = kernel.config().profiles[like]
        scope = self.scopes[0] if known.kind == "person" else ".default"
        kernel.add_profile(
            dataclasses.replace(known, name=name, **{"apis": {self.origin: (f"{self.resource}/{scope}",)}, **changes})
        )


@contextlib.contextmanager
def serving_those_with_a_token(demo: DemoServer, **options: Any) -> Iterator[TokenCheckingServer]:
    """Run a server; the options are those of `TokenCheckingServer`."""
    server = TokenCheckingServer(demo, **options)
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
