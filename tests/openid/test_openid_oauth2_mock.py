"""The basics against oauth2-mock-server, and what is peculiar to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from openid_basics import Basics
from openid_servers import oauth2_mock_server
from openid_steps import sign_in

import nbauth
from nbauth.frontend import front_end

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openid_servers import OpenIdServer


@pytest.fixture(scope="module")
def running() -> Iterator[OpenIdServer]:
    """The server, for all tests of this file."""
    with oauth2_mock_server() as server:
        yield server


class TestOAuth2Mock(Basics):
    """oauth2-mock-server: it has no pages, no device code, and takes every secret."""

    flows = ("loopback", "paste")
    test_refused_consent = None
    test_wrong_secret = None

    def test_sign_out_everywhere(self, server: OpenIdServer, monkeypatch: pytest.MonkeyPatch) -> None:
        """The address that is shown is this server's; it wants to be told where to go afterwards, which is optional."""
        shown: list[str] = []
        monkeypatch.setattr(front_end, "show_address", lambda _, url: shown.append(url))
        sign_in(server)
        nbauth.logout("lab", everywhere=True)
        (address,) = shown
        assert (
            server.visitor().end_session(f"{address}&post_logout_redirect_uri=https://x.example/")
            == "https://x.example/"
        )
        assert "Invalid post_logout_redirect_uri" in server.visitor().end_session(address)
