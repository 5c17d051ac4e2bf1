"""The basics against oidc-provider-mock, and what is peculiar to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from openid_basics import Basics
from openid_servers import flask_server
from openid_steps import age, profile_of, renewed, sign_in

import nbauth
from nbauth import kernel
from nbauth.errors import ScopesNotGrantedWarning
from nbauth.frontend import front_end

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openid_servers import OpenIdServer


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenIdServer]:
    """The server, for all tests of this file; it redeems no code without a secret, and takes any."""
    secret = tmp_path_factory.mktemp("mock") / "secret"
    secret.write_text("any")
    # It leaves a scope out that it does not have, and then refuses the refresh that asks for it again.
    options = {"client_secret": {"file": str(secret)}, "kind": "person", "exclude_scopes": ["offline_access"]}
    with flask_server("mock_server.py", "oidc-provider-mock", scopes=("email",), options=options) as server:
        yield server


class TestMock(Basics):
    """oidc-provider-mock: it has no device code and no client credentials, and every client is right."""

    flows = ("loopback", "paste")
    test_application = None
    test_wrong_secret = None

    @pytest.mark.parametrize("flow", ["paste"])
    def test_refused_consent(self, server: OpenIdServer, flow: str) -> None:
        """Saying no ends it as refused, though this server does not say which sign-in was refused."""
        super().test_refused_consent(server, flow)

    def test_a_token_that_the_api_refuses(self, server: OpenIdServer) -> None:
        """A 401 of the API costs one refresh, once it is known that this server takes a refresh by HTTP Basic alone."""
        sign_in(server)
        renewed()
        age()
        super().test_a_token_that_the_api_refuses(server)

    def test_sign_out_everywhere(self, server: OpenIdServer, monkeypatch: pytest.MonkeyPatch) -> None:
        """The address that is shown leads to the page that says the session has ended."""
        shown: list[str] = []
        monkeypatch.setattr(front_end, "show_address", lambda _, url: shown.append(url))
        sign_in(server)
        nbauth.logout("lab", everywhere=True)
        (address,) = shown
        assert "Session ended" in server.visitor().end_session(address)

    def test_a_scope_that_is_not_granted(self, server: OpenIdServer, flow: str) -> None:
        """A scope that there is not is left out of the token: the sign-in says so, and then the API."""
        kernel.add_profile(profile_of(server, apis={server.api_origin: ("data.read",)}))
        with pytest.warns(ScopesNotGrantedWarning, match=r"data\.read"):
            sign_in(server, flow)
        assert nbauth.session("lab").get(f"{server.api_origin}/api/me").status_code == 403
