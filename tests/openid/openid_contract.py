"""What holds with every OpenID provider; a test file for each server inherits it."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import jwt
import pytest
from openid_steps import (
    TIMEOUT_S,
    age,
    bearer,
    credential,
    held,
    profile_of,
    renewed,
    replaced,
    sign_in,
    token,
    until,
    validated,
)
from openid_visitor import Visiting

import nbauth
from nbauth import kernel
from nbauth.__main__ import main
from nbauth.errors import (
    ConfigError,
    ProviderUnavailable,
    SignInCancelled,
    SignInFailed,
    SignInRefused,
    SignInRequired,
)
from nbauth.frontend import front_end

if TYPE_CHECKING:
    from pathlib import Path

    from openid_servers import OpenIdServer

each_redirect_flow = pytest.mark.parametrize("flow", ["loopback", "paste"])


class Contract:
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
        assert server.who(nbauth.session("lab")) == "bob"

    def test_reads(self, server: OpenIdServer) -> None:
        """`nbauth.read` follows the API's own next links with the token, and gives a DataFrame."""
        sign_in(server)
        frame = nbauth.read(server.cities_url)
        assert (server.cities, "city" in frame.columns) == (len(frame), True)

    def test_user_info(self, server: OpenIdServer) -> None:
        """The token opens the provider's own userinfo, where the profile names its origin."""
        kernel.add_profile(profile_of(server, apis={server.origin: server.scopes}))
        sign_in(server)
        (account,) = held("Account")
        assert (
            nbauth.session("lab").get(server.discovery()["userinfo_endpoint"]).json()["sub"]
            == account["local_account_id"]
        )

    def test_refused_consent(self, server: OpenIdServer, flow: str) -> None:
        """Saying no on the server's page ends it as refused, and nothing is kept."""
        with pytest.raises(SignInRefused, match=r'the sign-in was refused.*Run: nbauth\.login\("lab"\)') as caught:
            sign_in(server, flow, choose="cancel")
        assert caught.value.error in ("access_denied", "authorization_declined")
        assert kernel.accounts() == []

    def test_cancelled(self, server: OpenIdServer, flow: str) -> None:
        """Cancel in the notebook ends it, and nothing stays behind."""

        class Impatient(Visiting):
            def wait(self, _timeout_s: float) -> str | None:
                raise SignInCancelled("Cancelled.")

        with pytest.raises(SignInCancelled):
            nbauth.login("lab", flow=flow, prompt=Impatient(server.visitor()), timeout_s=TIMEOUT_S)
        assert kernel.accounts() == []
        assert held("AccessToken") == []

    def test_somebody_else(self, server: OpenIdServer) -> None:
        """Somebody else signing in than was asked for is an error, and their tokens are not kept."""
        with pytest.raises(SignInFailed, match=r"bob@\S+ signed in where alice@\S+ was asked for"):
            sign_in(server, choose="bob", account=server.usernames["alice"])
        assert kernel.accounts() == []
        assert held("RefreshToken") == []

    # Wrong registrations

    def test_wrong_client_id(self, server: OpenIdServer, flow: str) -> None:
        """A client id that the server does not know ends on its own page, or says where to mend it."""
        kernel.add_profile(profile_of(server, client_id="nobody"))
        prompt = Visiting(server.visitor())
        with pytest.raises(SignInFailed) as caught:
            nbauth.login("lab", flow=flow, prompt=prompt, timeout_s=TIMEOUT_S)
        if flow == "device_code":
            assert "Check client_id in profile 'lab'" in str(caught.value)
        else:
            assert isinstance(caught.value, SignInCancelled)
            assert prompt.stuck.startswith("4")
        assert kernel.accounts() == []

    @each_redirect_flow
    def test_wrong_redirect_uri(self, server: OpenIdServer, flow: str) -> None:
        """A redirect URI that is not registered ends on the server's own page: no code goes anywhere."""
        kernel.add_profile(profile_of(server, redirect_uri="http://localhost/elsewhere"))
        prompt = Visiting(server.visitor())
        with pytest.raises(SignInCancelled):
            nbauth.login("lab", flow=flow, prompt=prompt, timeout_s=TIMEOUT_S)
        assert prompt.stuck.startswith("4")

    # What is sent and checked

    @pytest.mark.parametrize("missing", ["code_challenge", "code_challenge_method"])
    def test_the_server_asks_for_pkce(self, server: OpenIdServer, missing: str) -> None:
        """Without its challenge, or with another method, the server refuses what nbauth sends: PKCE is in force."""

        def without(url: str) -> str:
            return replaced(url, missing, "" if missing == "code_challenge" else "S1")

        prompt = Visiting(server.visitor(), change=without)
        with pytest.raises(SignInFailed):
            nbauth.login("lab", flow="paste", prompt=prompt, timeout_s=TIMEOUT_S)
        assert kernel.accounts() == []

    def test_another_challenge(self, server: OpenIdServer) -> None:
        """A code that was asked for with another challenge cannot be redeemed."""
        prompt = Visiting(server.visitor(), change=lambda url: replaced(url, "code_challenge", "A" * 43))
        with pytest.raises(SignInFailed) as caught:
            nbauth.login("lab", flow="paste", prompt=prompt, timeout_s=TIMEOUT_S)
        assert caught.value.error == "invalid_grant"

    def test_another_nonce(self, server: OpenIdServer) -> None:
        """An ID token with another nonce than was sent is refused, and nothing is kept."""
        prompt = Visiting(server.visitor(), change=lambda url: replaced(url, "nonce", "A" * 64))
        with pytest.raises(SignInFailed, match="the ID token answers another sign-in"):
            nbauth.login("lab", flow="paste", prompt=prompt, timeout_s=TIMEOUT_S)
        assert (kernel.accounts(), held("AccessToken")) == ([], [])

    def test_id_token(self, server: OpenIdServer) -> None:
        """The ID token stands PyJWT's own check against the server's keys; changed or misused it fails nbauth's."""
        sign_in(server)
        (entry,) = held("IdToken")
        secret = entry["secret"]
        document = server.discovery()
        keys = {key["kid"]: jwt.PyJWK(key) for key in server.fetch(document["jwks_uri"]).json()["keys"]}
        header = jwt.get_unverified_header(secret)
        claims = jwt.decode(
            secret,
            keys[header["kid"]],
            algorithms=[header["alg"]],
            audience=server.client_id,
            issuer=server.issuer,
            leeway=60,  # clocks are set back while tests run
        )
        assert claims == validated(secret)
        head, body, signature = secret.split(".")
        flipped = ("A" if signature[0] != "A" else "B") + signature[1:]
        with pytest.raises(SignInFailed, match="not valid: Signature verification failed"):
            validated(f"{head}.{body}.{flipped}")
        kernel.add_profile(profile_of(server, "other", client_id="somebody-else"))
        with pytest.raises(SignInFailed, match="not valid: Audience doesn't match"):
            validated(secret, "other")

    def test_rotated_keys(self, server: OpenIdServer) -> None:
        """A sign-in after the server has rotated its keys is validated with the new ones."""
        sign_in(server)
        (before,) = held("IdToken")
        server.rotate_keys()
        account = sign_in(server, choose="bob", account=server.usernames["bob"])
        assert account.username == server.usernames["bob"]
        kids = {jwt.get_unverified_header(entry["secret"])["kid"] for entry in held("IdToken")}
        assert kids > {jwt.get_unverified_header(before["secret"])["kid"]}

    # Staying signed in

    def test_one_refresh_for_many_threads(self, server: OpenIdServer) -> None:
        """Sixteen threads on an expired token, or on a refused one, make one request; the rotated family lives on."""
        server.set(access_token_s=1)
        sign_in(server)
        (first,) = credential()._memo.values()
        until(lambda: not first.is_good(0))
        server.set(access_token_s=3600)
        server.token_requests()
        tokens, refused = [first.secret], None
        for _ in range(3):
            barrier = threading.Barrier(16)

            def ask(barrier: threading.Barrier = barrier, refused: str | None = refused) -> str:
                barrier.wait()
                return credential().token(credential().profile.login_scopes, rejected=refused)

            with ThreadPoolExecutor(16) as pool:
                (refused,) = {future.result() for future in [pool.submit(ask) for _ in range(16)]}
            assert server.token_requests() == 1
            tokens.append(refused)
            age()
        assert len(set(tokens)) == 4
        assert server.who(nbauth.session("lab")) == "alice"

    def test_a_revoked_family(self, server: OpenIdServer) -> None:
        """A refresh token that somebody used twice ends the sign-in at the server, and nbauth asks for a new one."""
        sign_in(server)
        (spent,) = [entry["secret"] for entry in held("RefreshToken")]
        renewed()
        form = {"grant_type": "refresh_token", "client_id": server.client_id, "refresh_token": spent}
        stolen = server.fetch(server.discovery()["token_endpoint"], data=form)
        assert (stolen.status_code, stolen.json()["error"]) == (400, "invalid_grant")
        with pytest.raises(
            SignInRequired, match=r'the provider does not accept this sign-in.*Run: nbauth\.login\("lab"\)'
        ) as caught:
            renewed()
        assert spent not in str(caught.value)
        assert sign_in(server).username == server.usernames["alice"]

    def test_a_token_that_the_api_refuses(self, server: OpenIdServer) -> None:
        """A 401 of the API costs one refresh, and the request is made again with the new token."""
        sign_in(server)
        session = nbauth.session("lab")
        assert server.who(session) == "alice"
        server.forget(token())
        server.token_requests()
        assert server.who(session) == "alice"
        assert server.token_requests() == 1

    def test_without_a_refresh_token(self, server: OpenIdServer) -> None:
        """A sign-in without a refresh token ends with its access token, and says so."""
        kernel.add_profile(profile_of(server, exclude_scopes=["offline_access"]))
        sign_in(server)
        for entry in held("RefreshToken"):  # some servers give one to whoever may have one
            nbauth.client("lab").token_cache.remove_rt(entry)
        with pytest.raises(SignInRequired, match=r'gave no refresh token.*Run: nbauth\.login\("lab"\)'):
            renewed()

    def test_further_scopes(self, server: OpenIdServer) -> None:
        """Scopes that the sign-in did not ask for come silently, or nbauth says what to run; then both are there."""
        sign_in(server)
        further = (server.further_scope,)
        if server.refresh_widens:
            assert credential().token(further) != token()
            return
        step = rf'nbauth\.login\("lab", scopes=\["{further[0]}"\]\)'
        with pytest.raises(SignInRequired, match=rf"was not granted these scopes.*{step}"):
            credential().token(further)
        sign_in(server, scopes=further)
        refused = server.fetch(f"{server.api_origin}/api/me", headers=bearer(credential().token(further)))
        assert refused.status_code == 403
        sign_in(server)
        assert server.who(nbauth.session("lab")) == "alice"

    def test_scopes_that_are_always_asked_for(self, server: OpenIdServer) -> None:
        """`openid`, `profile` and `offline_access` may stand among an API's scopes."""
        kernel.add_profile(profile_of(server, apis={server.api_origin: ("openid", *server.scopes, "offline_access")}))
        for flow in self.flows:
            sign_in(server, flow)
            assert server.who(nbauth.session("lab")) == "alice"
            assert renewed() == token()
            kernel.logout()

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

    def test_an_unknown_issuer(self, server: OpenIdServer) -> None:
        """An issuer that the server does not have is told before anything is shown."""
        kernel.add_profile(
            nbauth.Profile(
                "lab",
                client_id=server.client_id,
                oidc_authority=f"{server.origin}/nothing/here",
                ca_bundle=str(server.ca_file),
                apis={server.api_origin: server.scopes},
            )
        )
        with pytest.raises((ConfigError, ProviderUnavailable), match=r"/nothing/here|Check the"):
            sign_in(server)

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

    def test_from_a_file(self, server: OpenIdServer, apart: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The nbauth.toml of docs/providers.md works as it stands, for a person and for a job."""
        kernel.reset()
        (apart / "nbauth.toml").write_text(server.configuration())
        secret = apart / "nightly.secret"
        secret.write_text(server.secret)
        secret.chmod(0o600)
        monkeypatch.setenv("NIGHTLY_SECRET", server.secret)
        assert main(["trust"]) == 0
        assert sign_in(server).username == server.usernames["alice"]
        assert server.who(nbauth.session("lab")) == "alice"
        assert server.who(nbauth.session("nightly")) == server.job_client_id
