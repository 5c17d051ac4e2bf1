"""The basics against NanoIDP, and what is peculiar to it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest
from openid_basics import Basics
from openid_servers import flask_server
from openid_steps import profile_of, sign_in

import nbauth
from nbauth import kernel
from nbauth.errors import SignInFailed
from nbauth.frontend import front_end

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from openid_servers import OpenIdServer


@pytest.fixture(scope="module")
def running() -> Iterator[OpenIdServer]:
    """The server, for all tests of this file."""
    with flask_server(
        "nanoidp_server.py",
        "NanoIDP",
        redirect_uri="http://127.0.0.1",
        usernames={"alice": "alice", "bob": "bob"},
    ) as server:
        yield server


class TestNanoIdp(Basics):
    """NanoIDP: it keeps no session, so every sign-in asks for the password."""

    @pytest.mark.parametrize("flow", ["device_code"])
    def test_refused_consent(self, server: OpenIdServer, flow: str) -> None:
        """Saying no ends it as refused; only the page for a device's code has a button for that."""
        super().test_refused_consent(server, flow)

    def test_sign_out_everywhere(self, server: OpenIdServer, monkeypatch: pytest.MonkeyPatch) -> None:
        """The address that is shown leads to the page that says the session has ended."""
        shown: list[str] = []
        monkeypatch.setattr(front_end, "show_address", lambda _, url: shown.append(url))
        sign_in(server)
        nbauth.logout("lab", everywhere=True)
        (address,) = shown
        assert "Your session has been terminated" in server.visitor().end_session(address)

    def test_a_secret_in_the_header(self, server: OpenIdServer, job: Path) -> None:
        """A client that is registered for HTTP Basic, which is this server's default, signs in by that."""
        (nightly,) = [kernel.config().profiles["nightly"]]
        kernel.add_profile(dataclasses.replace(nightly, client_id="basic"))
        assert nbauth.login("nightly").username == "basic"
        assert server.who(nbauth.session("nightly")) == "basic"

    def test_a_scope_that_is_not_granted(self, server: OpenIdServer, flow: str) -> None:
        """A scope that the client may not have is refused by name, at the start of the sign-in."""
        kernel.add_profile(profile_of(server, apis={server.api_origin: ("data.read", "data.write")}))
        with pytest.raises(SignInFailed, match=r"invalid_scope.*data\.write") as caught:
            sign_in(server, flow)
        assert caught.value.error == "invalid_scope"
