"""The contract against Django OAuth Toolkit, and what is peculiar to it."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest
from openid_contract import Contract
from openid_servers import django_server
from openid_steps import profile_of, sign_in
from openid_visitor import Visiting

import nbauth
from nbauth import kernel
from nbauth.errors import SignInCancelled, SignInFailed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openid_servers import OpenIdServer


@pytest.fixture(scope="module")
def running() -> Iterator[OpenIdServer]:
    """The server, for all tests of this file."""
    with django_server() as server:
        yield server


class TestDjango(Contract):
    """Django OAuth Toolkit."""

    flows = ("loopback", "paste")

    def test_no_device_code(self, server: OpenIdServer) -> None:
        """The server's discovery document names no device endpoint, and nbauth says what to do in its place."""
        with pytest.raises(SignInFailed, match=r'offers no device code.*flow="paste"'):
            sign_in(server, "device_code")

    def test_any_port_with_an_address_only(self, server: OpenIdServer) -> None:
        """The server takes any port with 127.0.0.1 but not with localhost, so the profile has to name 127.0.0.1."""
        server.register("http://localhost")
        kernel.add_profile(profile_of(server, client_id="one-port", redirect_uri=None))
        prompt = Visiting(server.visitor())
        with pytest.raises(SignInCancelled):
            nbauth.login("lab", flow="loopback", prompt=prompt)
        assert prompt.stuck.startswith("400: Error: invalid_request")

    @pytest.mark.parametrize("path", ["", "/", "/callback/"])
    def test_one_port(self, server: OpenIdServer, path: str) -> None:
        """A redirect URI with a port is sent to the letter, with the slash at its end or without."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            uri = f"http://localhost:{free.getsockname()[1]}{path}"
        server.register(uri)
        kernel.add_profile(profile_of(server, client_id="one-port", redirect_uri=uri))
        assert sign_in(server, "loopback").username == server.usernames["alice"]
        assert server.who(nbauth.session("lab")) == "alice"

    def test_nobody_is_named(self, server: OpenIdServer) -> None:
        """Where neither ID token nor userinfo has a name, the account is called by its subject."""
        server.set(names_in_id_token=False)
        account = sign_in(server, choose="bob")
        assert (account.username, account.name) == ("2", "2")

    def test_a_scope_that_there_is_not(self, server: OpenIdServer) -> None:
        """The server refuses a scope that it does not have, and nbauth says where to mend it."""
        kernel.add_profile(profile_of(server, apis={server.api_origin: ("data.fly",)}))
        with pytest.raises(
            SignInFailed, match=r"invalid_scope.*data\.fly \(nbauth adds .*Check the scopes in profile 'lab'"
        ):
            sign_in(server)
