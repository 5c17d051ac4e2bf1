"""The contract against oidc-provider for Node.js, and what is peculiar to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from openid_contract import Contract
from openid_servers import node_server
from openid_steps import credential, held, profile_of, renewed, replaced, sign_in, token
from openid_visitor import Visiting

import nbauth
from nbauth import kernel
from nbauth.errors import SignInFailed, SignInRequired

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openid_servers import OpenIdServer


@pytest.fixture(scope="module")
def running() -> Iterator[OpenIdServer]:
    """The server, for all tests of this file."""
    with node_server() as server:
        yield server


class TestNode(Contract):
    """oidc-provider."""

    @pytest.mark.parametrize(
        ("flow", "mode"), [("loopback", "form_post"), ("loopback", "query"), ("paste", "fragment"), ("paste", "query")]
    )
    def test_response_modes(self, server: OpenIdServer, flow: str, mode: str) -> None:
        """The listener takes a posted answer, and a pasted address may have it in its fragment."""
        prompt = Visiting(server.visitor(), change=lambda url: f"{url}&response_mode={mode}")
        account = nbauth.login("lab", flow=flow, prompt=prompt, timeout_s=60)
        assert account.username == server.usernames["alice"]

    def test_an_answer_of_another_provider(self, server: OpenIdServer) -> None:
        """The server says who it is in its redirect (RFC 9207); another name there is refused, and no code redeemed."""

        class Mixed(Visiting):
            def wait(self, timeout_s: float) -> str | None:
                pasted = super().wait(timeout_s)
                return pasted and replaced(pasted, "iss", "https%3A%2F%2Fevil.example")

        server.token_requests()
        with pytest.raises(SignInFailed, match="the redirect came from another provider"):
            nbauth.login("lab", flow="paste", prompt=Mixed(server.visitor()), timeout_s=60)
        assert server.token_requests() == 0

    def test_no_refresh_token_without_consent(self, server: OpenIdServer) -> None:
        """Without `prompt = "consent"` the server gives no refresh token, and what is said later names the key."""
        kernel.add_profile(profile_of(server, prompt=None))
        sign_in(server)
        assert held("RefreshToken") == []
        assert server.who(nbauth.session("lab")) == "alice"
        with pytest.raises(SignInRequired, match=r'gave no refresh token.*nbauth\.login\("lab"\) .*prompt = "consent"'):
            renewed()

    def test_names_from_userinfo(self, server: OpenIdServer) -> None:
        """As the server is delivered, its ID tokens name nobody: the sign-in name comes from userinfo."""
        server.set(names_in_id_token=False)
        account = sign_in(server, account=server.usernames["alice"])
        assert (account.username, account.name) == (server.usernames["alice"], "Alice Example")
        assert kernel.accounts() == [account]
        assert credential().token(("data.read",)) == token()
