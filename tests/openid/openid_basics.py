"""What holds with every OpenID provider, however little of the standard it has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from openid_steps import TIMEOUT_S, held, profile_of, renewed, sign_in, token
from openid_visitor import Visiting

import nbauth
from nbauth import kernel
from nbauth.errors import SignInFailed, SignInRefused, SignInRequired
from nbauth.frontend import front_end

if TYPE_CHECKING:
    from pathlib import Path

    from openid_servers import OpenIdServer


class Basics:
    """The tests. A subclass has a fixture `running`: the server, for as long as its file runs.

    Attributes:
        flows: the flows for a person that the server supports; tests with an argument `flow` run once for each.
    """

    flows: tuple[str, ...] = ("loopback", "paste", "device_code")

    @pytest.fixture
    def server(self, running: OpenIdServer) -> OpenIdServer:
        """The server as it was started, and its profile in force."""
        running.reset()
        kernel.add_profile(profile_of(running))
        return running

    @pytest.fixture
    def job(self, server: OpenIdServer, tmp_path: Path) -> Path:
        """The profile `nightly` of an application; returns the file of its secret."""
        secret = tmp_path / "secret"
        secret.write_text(server.secret)
        kernel.add_profile(
            profile_of(
                server,
                "nightly",
                client_id=server.job_client_id,
                client_secret={"file": str(secret)},
                redirect_uri=None,
                apis={server.api_origin: server.job_scopes},
            )
        )
        return secret

    # Signing in

    def test_signs_in(self, server: OpenIdServer, flow: str) -> None:
        """A person signs in by the server's own pages, and their token opens the API."""
        account = sign_in(server, flow, choose="bob")
        assert (account.username, account.profile, account.kind) == (server.usernames["bob"], "lab", "person")
        assert kernel.accounts() == [account]
        assert account.tenant_id == ""
        assert server.who(nbauth.session("lab")) == server.called("bob")

    def test_refused_consent(self, server: OpenIdServer, flow: str) -> None:
        """Saying no on the server's page ends it as refused, and nothing is kept."""
        with pytest.raises(SignInRefused, match=r'the sign-in was refused.*Run: nbauth\.login\("lab"\)') as caught:
            sign_in(server, flow, choose="cancel")
        assert caught.value.error in ("access_denied", "authorization_declined")
        assert kernel.accounts() == []

    # Staying signed in

    def test_a_refresh(self, server: OpenIdServer) -> None:
        """A token that an API refused is renewed without a person, and the new one opens the API."""
        sign_in(server)
        first = token()
        assert renewed() != first
        assert server.who(nbauth.session("lab")) == server.called("alice")

    def test_a_token_that_the_api_refuses(self, server: OpenIdServer) -> None:
        """A 401 of the API costs one refresh, and the request is made again with the new token."""
        sign_in(server)
        session = nbauth.session("lab")
        assert server.who(session) == server.called("alice")
        server.forget(token())
        server.token_requests()
        assert server.who(session) == server.called("alice")
        assert server.token_requests() == 1

    # Applications

    def test_application(self, server: OpenIdServer, job: Path) -> None:
        """An application signs in with its secret, and its token opens the API."""
        account = nbauth.login("nightly")
        assert (account.kind, account.username) == ("application", server.job_client_id)
        assert server.who(nbauth.session("nightly")) == server.job_client_id

    def test_wrong_secret(self, server: OpenIdServer, job: Path) -> None:
        """A wrong secret says where to mend it and does not show it; a mended one works at once."""
        job.write_text("wrong-secret")
        with pytest.raises(SignInFailed, match=r"Check client_id and client_secret in") as caught:
            nbauth.login("nightly")
        assert "wrong-secret" not in str(caught.value)
        job.write_text(server.secret)
        assert nbauth.login("nightly").kind == "application"

    # Signing out

    def test_sign_out(self, server: OpenIdServer) -> None:
        """Signing out forgets every token, and the session asks for a sign-in before any traffic."""
        account = sign_in(server)
        session = nbauth.session("lab")
        assert kernel.logout("lab") == (account.username,)
        assert [held(kind) for kind in ("AccessToken", "RefreshToken", "IdToken", "Account")] == [[], [], [], []]
        server.token_requests()
        with pytest.raises(SignInRequired, match=r'nbauth\.login\("lab"\)'):
            server.who(session)
        assert server.token_requests() == 0

    def test_sign_out_everywhere(self, server: OpenIdServer, monkeypatch: pytest.MonkeyPatch) -> None:
        """The address that is shown ends the session at the server: the same browser is asked who it is again."""
        visitor = server.visitor()

        def again() -> None:
            nbauth.login("lab", flow="paste", prompt=Visiting(visitor), timeout_s=TIMEOUT_S)

        shown: list[str] = []
        monkeypatch.setattr(front_end, "show_address", lambda _, url: shown.append(url))
        again()
        kernel.logout("lab")
        again()
        assert visitor.logins == 1
        nbauth.logout("lab", everywhere=True)
        (address,) = shown
        visitor.end_session(address)
        again()
        assert visitor.logins == 2
