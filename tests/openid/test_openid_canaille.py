"""The basics against Canaille, and what is peculiar to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from openid_basics import Basics
from openid_servers import flask_server
from openid_steps import profile_of, sign_in

import nbauth
from nbauth import kernel
from nbauth.errors import ScopesNotGrantedWarning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openid_servers import OpenIdServer


USERNAMES = {"alice": "alice", "bob": "bob"}


@pytest.fixture(scope="module")
def running() -> Iterator[OpenIdServer]:
    """The server, for all tests of this file."""
    with flask_server(
        "canaille_server.py", "Canaille", redirect_uri="http://localhost:8400", usernames=USERNAMES
    ) as server:
        yield server


class TestCanaille(Basics):
    """Canaille: it has no device code."""

    flows = ("loopback", "paste")

    def test_a_scope_that_is_not_granted(self, server: OpenIdServer, flow: str) -> None:
        """A scope that the client may not have is left out of the token: the sign-in says so, and then the API."""
        kernel.add_profile(profile_of(server, apis={server.api_origin: ("data.write",)}))
        with pytest.warns(ScopesNotGrantedWarning, match=r"data\.write"):
            sign_in(server, flow)
        assert nbauth.session("lab").get(f"{server.api_origin}/api/me").status_code == 403
