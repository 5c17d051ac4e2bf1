"""What holds with every complete OpenID provider; a test file for each server inherits it."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import jwt
import pytest
from openid_basics import Basics
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
    SignInRequired,
)

if TYPE_CHECKING:
    from pathlib import Path

    from openid_servers import OpenIdServer

each_redirect_flow = pytest.mark.parametrize("flow", ["loopback", "paste"])


class Contract(Basics):
    """The tests. What every kind of server can do stands in `Basics`."""

    # Signing in

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

    # Configuration

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
