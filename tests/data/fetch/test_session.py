from __future__ import annotations

import copy
import io
import logging
import pickle
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests
from loopback_api import FakeAuthorizer, Reply, as_json

from nbauth.data.fetch.session import Session
from nbauth.errors import ConfigError, OriginNotAllowed, SignInRequired

if TYPE_CHECKING:
    from loopback_api import Seen, Server

    from nbauth.demo.certificates import ServerTls


def test_token_is_attached(session: Session, api: Server) -> None:
    """A request to a listed origin carries the token."""
    api.routes["/x"] = as_json(1)
    assert session.get(f"{api.origin}/x").json() == 1
    assert [seen.token for seen in api.seen] == ["token-1"]


def test_signed_out(session: Session, authorizer: FakeAuthorizer, api: Server) -> None:
    """Without a sign-in nothing is sent."""
    authorizer.signed_in = False
    with pytest.raises(SignInRequired):
        session.get(f"{api.origin}/x")
    assert api.seen == []


def test_other_origin(session: Session, stranger: Server) -> None:
    """A request to an origin that no profile lists is not sent."""
    with pytest.raises(OriginNotAllowed):
        session.get(f"{stranger.origin}/x?sig=hush")
    assert stranger.seen == []


def test_same_host_by_address(session: Session, api: Server) -> None:
    """Another name of the same machine is another origin."""
    with pytest.raises(OriginNotAllowed):
        session.get(api.origin.replace("localhost", "127.0.0.1"))


def test_http_off_loopback() -> None:
    """Over http a token goes nowhere but to this machine, even if an origin of http were listed."""
    with (
        Session(FakeAuthorizer("http://api.example")) as session,
        pytest.raises(OriginNotAllowed, match="never sent over http"),
    ):
        session.get("http://api.example/x")


@pytest.mark.parametrize("name", ["Authorization", "authorization", "AUTHORIZATION", b"Authorization"])
def test_own_header(session: Session, api: Server, name: str) -> None:
    """A caller's own Authorization header is an error, however it is spelt."""
    with pytest.raises(ConfigError, match="Authorization"):
        session.get(f"{api.origin}/x", headers={name: "Basic eA=="})
    assert api.seen == []


def test_own_session_header(session: Session, api: Server) -> None:
    """An Authorization header on the session is an error at each request."""
    session.headers["authorization"] = "Bearer mine"
    with pytest.raises(ConfigError, match="Authorization"):
        session.get(f"{api.origin}/x")
    assert api.seen == []


def test_own_auth(session: Session, api: Server) -> None:
    """`auth=` on a request, and on the session, is an error."""
    with pytest.raises(ConfigError, match="auth="):
        session.get(f"{api.origin}/x", auth=("me", "secret"))
    session.auth = ("me", "secret")
    with pytest.raises(ConfigError, match="auth="):
        session.get(f"{api.origin}/x")
    assert api.seen == []


@pytest.mark.parametrize("userinfo", ["me:secret@", "me@", "evil.example\\@"])
def test_a_user_name_in_the_url(session: Session, api: Server, userinfo: str) -> None:
    """A URL with a user name or password is an error that does not repeat it."""
    with pytest.raises(ConfigError) as caught:
        session.get(api.origin.replace("localhost", f"{userinfo}localhost"))
    assert "secret" not in str(caught.value)
    assert api.seen == []


def test_at_sign_in_path(session: Session, api: Server) -> None:
    """An @ in path or query is no user name."""
    api.routes["/users/me@x"] = as_json(1)
    assert session.get(f"{api.origin}/users/me@x?q=a@b").ok


def test_prepared_elsewhere(session: Session, api: Server) -> None:
    """A request that was prepared without the session is checked, too."""
    api.routes["/x"] = as_json(1)
    assert session.send(requests.Request("GET", f"{api.origin}/x").prepare()).ok
    with pytest.raises(ConfigError):
        session.send(requests.Request("GET", f"{api.origin}/x", auth=("me", "secret")).prepare())
    assert [seen.token for seen in api.seen] == ["token-1"]


def test_spaces_in_query(session: Session, api: Server) -> None:
    """OData filters are written with spaces."""
    api.routes["/x"] = as_json(1)
    session.get(f"{api.origin}/x?$filter=Name eq 'Bob'")
    assert api.seen[0].path == "/x?$filter=Name%20eq%20'Bob'"


def test_netrc_changes_nothing(session: Session, api: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A .netrc neither replaces the token nor adds to it."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine localhost login me password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    api.routes["/x"] = as_json(1)
    api.routes["/to"] = Reply(status=302, headers={"Location": "/x"})
    session.get(f"{api.origin}/to")
    assert [seen.token for seen in api.seen] == ["token-1", "token-1"]


@pytest.mark.parametrize("verify", [False, "/tmp/ca.pem"])
def test_own_trust(session: Session, api: Server, verify: object) -> None:
    """`verify=` is an error: trust is the profile's."""
    with pytest.raises(ConfigError, match="verify="):
        session.get(f"{api.origin}/x", verify=verify)
    session.verify = verify
    with pytest.raises(ConfigError, match="verify="):
        session.get(f"{api.origin}/x")
    assert api.seen == []


def test_client_certificate(session: Session, api: Server) -> None:
    """`cert=` is an error: connections are shared with whoever an API redirects to."""
    with pytest.raises(ConfigError, match="cert="):
        session.get(f"{api.origin}/x", cert="client.pem")


def test_ca_bundle(tls: ServerTls, secure_stranger: Server) -> None:
    """An authority of the profile's is trusted beside the usual ones, and without it it is not."""
    secure_stranger.routes["/x"] = as_json(1)
    authorizer = FakeAuthorizer(secure_stranger.origin)
    authorizer.bundles = (str(tls.ca_file),)
    with Session(authorizer) as session:
        assert session.get(f"{secure_stranger.origin}/x").ok
    authorizer.bundles = ()
    with Session(authorizer) as session, pytest.raises(requests.exceptions.SSLError):
        session.get(f"{secure_stranger.origin}/x")


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_environment_bundle_beside(
    tls: ServerTls, secure_stranger: Server, variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bundle of the environment's takes no trust from the profile's."""
    import certifi

    other = tmp_path / "usual.pem"
    other.write_bytes(Path(certifi.where()).read_bytes())
    monkeypatch.setenv(variable, str(other))
    secure_stranger.routes["/x"] = as_json(1)
    authorizer = FakeAuthorizer(secure_stranger.origin)
    authorizer.bundles = (str(tls.ca_file),)
    with Session(authorizer) as session:
        assert session.get(f"{secure_stranger.origin}/x").ok


def test_environment_bundle_alone(tls: ServerTls, secure_stranger: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bundle of the environment's is trusted."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tls.ca_file))
    secure_stranger.routes["/x"] = as_json(1)
    with Session(FakeAuthorizer(secure_stranger.origin)) as session:
        assert session.get(f"{secure_stranger.origin}/x").ok


def test_bad_bundle(tmp_path: Path, secure_stranger: Server) -> None:
    """A bundle that cannot be read is an error that names it, and nothing is sent."""
    authorizer = FakeAuthorizer(secure_stranger.origin)
    authorizer.bundles = (str(tmp_path / "ca.pem"),)
    with Session(authorizer) as session, pytest.raises(ConfigError, match=r"ca\.pem"):
        session.get(f"{secure_stranger.origin}/x")
    assert secure_stranger.seen == []


def test_own_adapter(session: Session, authorizer: FakeAuthorizer, secure_stranger: Server) -> None:
    """An adapter that the caller mounts, as for retries, works with the usual authorities."""
    authorizer.listed.add(secure_stranger.origin)
    session.mount("https://", requests.adapters.HTTPAdapter(max_retries=2))
    with pytest.raises(requests.exceptions.SSLError, match="local issuer certificate"):
        session.get(f"{secure_stranger.origin}/x")


def test_loopback_passes_no_proxy(
    session: Session, api: Server, stranger: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token for this machine is not shown to the environment's proxy."""
    monkeypatch.setenv("HTTP_PROXY", stranger.origin)
    monkeypatch.setenv("http_proxy", stranger.origin)
    monkeypatch.setenv("ALL_PROXY", stranger.origin)
    api.routes["/x"] = as_json(1)
    session.get(f"{api.origin}/x")
    session.get(f"{api.origin}/x", proxies={"http": stranger.origin})
    assert len(api.seen) == 2
    assert stranger.seen == []


def test_environment_proxy(stranger: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other hosts are reached through the environment's proxy, which sees a tunnel and no token."""
    monkeypatch.setenv("https_proxy", stranger.origin)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    asked: list[str] = []
    monkeypatch.setattr(
        stranger.RequestHandlerClass,
        "do_CONNECT",
        lambda handler: (asked.append(str(handler.headers)), handler.send_error(502)),
        raising=False,
    )
    with Session(FakeAuthorizer("https://api.example")) as session, pytest.raises(requests.exceptions.ProxyError):
        session.get("https://api.example/x")
    assert len(asked) == 1
    assert "token-1" not in asked[0]


class _Recorder(requests.adapters.HTTPAdapter):
    def __init__(self) -> None:
        super().__init__()
        self.timeouts: list[object] = []

    def send(self, request, **options):
        self.timeouts.append(options["timeout"])
        return super().send(request, **options)


def test_every_request_has_a_timeout(authorizer: FakeAuthorizer, api: Server) -> None:
    """A request that names no timeout gets the session's, also one that asks to wait for ever."""
    api.routes["/x"] = as_json(1)
    recorder = _Recorder()
    with Session(authorizer, timeout_s=(1.0, 2.0)) as session:
        session.mount("http://", recorder)
        session.get(f"{api.origin}/x")
        session.get(f"{api.origin}/x", timeout=None)
        session.get(f"{api.origin}/x", timeout=7)
    assert recorder.timeouts == [(1.0, 2.0), (1.0, 2.0), 7]


def _only(token: str):
    def answer(seen: Seen) -> Reply:
        return as_json(seen.token, status=200 if seen.token == token else 401)

    return answer


def test_rejected_token(session: Session, authorizer: FakeAuthorizer, api: Server) -> None:
    """A 401 leads to one forced refresh and one retry."""
    api.routes["/x"] = _only("token-2")
    assert session.get(f"{api.origin}/x").json() == "token-2"
    assert authorizer.rejected == ["token-1"]


def test_rejected_twice(session: Session, authorizer: FakeAuthorizer, api: Server) -> None:
    """A second 401 is handed to the caller."""
    api.routes["/x"] = _only("never")
    assert session.get(f"{api.origin}/x").status_code == 401
    assert [seen.token for seen in api.seen] == ["token-1", "token-2"]


def test_rejected_post(session: Session, api: Server) -> None:
    """A POST whose body is in memory is sent again, whole."""
    api.routes["/x"] = _only("token-2")
    assert session.post(f"{api.origin}/x", json={"a": 1}).ok
    assert [seen.body for seen in api.seen] == [b'{"a": 1}', b'{"a": 1}']


def test_rejected_stream(session: Session, authorizer: FakeAuthorizer, api: Server) -> None:
    """A body that has been read away is not sent again; the caller's next request has a fresh token."""
    api.routes["/x"] = _only("token-2")
    assert session.post(f"{api.origin}/x", data=iter([b"a", b"b"])).status_code == 401
    assert [seen.token for seen in api.seen] == ["token-1"]
    assert session.post(f"{api.origin}/x", data=io.BytesIO(b"ab")).status_code == 200
    assert authorizer.rejected == ["token-1"]


def test_rejected_for_claims(session: Session, authorizer: FakeAuthorizer, api: Server) -> None:
    """A claims challenge is met by one token that has the claims, or else by the person."""
    challenge = {"WWW-Authenticate": 'Bearer error="insufficient_claims", claims="eyJ4IjogMX0="'}
    api.routes["/x"] = as_json(1, status=401, headers=challenge)
    with pytest.raises(SignInRequired) as caught:
        session.get(f"{api.origin}/x")
    assert caught.value.claims == '{"x": 1}'
    assert (authorizer.rejected, authorizer.asked) == (["token-1"], ['{"x": 1}'])
    assert len(api.seen) == 2


def test_rejected_for_claims_that_cannot_be_read(session: Session, authorizer: FakeAuthorizer, api: Server) -> None:
    """A challenge that cannot be read is a 401 as any other: one fresh token, one retry."""
    challenge = {"WWW-Authenticate": 'Bearer error="insufficient_claims", claims="e30="'}
    api.routes["/x"] = as_json(1, status=401, headers=challenge)
    assert session.get(f"{api.origin}/x").status_code == 401
    assert (authorizer.rejected, authorizer.asked) == (["token-1"], [None])


def test_same_token_again(session: Session, authorizer: FakeAuthorizer, api: Server) -> None:
    """If no fresh token can be had, the 401 is not asked for twice."""
    authorizer.token = lambda url, rejected=None, claims=None: "fixed"  # type: ignore[method-assign]
    api.routes["/x"] = _only("never")
    assert session.get(f"{api.origin}/x").status_code == 401
    assert len(api.seen) == 1


def test_repr_shows_no_token(session: Session, api: Server) -> None:
    """The repr shows where tokens may go, and none of them."""
    api.routes["/x"] = as_json(1)
    session.get(f"{api.origin}/x")
    assert repr(session) == f"<nbauth.Session for {api.origin}>"


def test_session_is_not_pickled(session: Session) -> None:
    """A session can be neither pickled nor copied."""
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(session)
    with pytest.raises(TypeError, match="cannot be pickled"):
        copy.copy(session)


def test_pickled_response(session: Session, api: Server) -> None:
    """A response, with the requests of its history, holds no token."""
    api.routes["/x"] = as_json(1)
    api.routes["/to"] = Reply(status=302, headers={"Location": "/x"})
    response = session.get(f"{api.origin}/to")
    assert len(response.history) == 1
    assert b"token-1" not in pickle.dumps(response)
    assert not any("Authorization" in one.request.headers for one in (*response.history, response))
    unfollowed = session.get(f"{api.origin}/to", allow_redirects=False)
    assert unfollowed.next is not None
    assert "Authorization" not in unfollowed.next.headers


def test_error_holds_no_token(authorizer: FakeAuthorizer, api: Server) -> None:
    """No frame of a failed request's traceback shows a variable with the token in it."""
    api.server_close()
    api.shutdown()
    with Session(authorizer) as session:
        with pytest.raises(requests.ConnectionError) as caught:
            session.get(f"{api.origin}/x")
        shown = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
    assert "Connection refused" in shown
    assert "_send_with" in shown
    assert "Bearer" not in shown
    assert "token-1" not in shown.replace("current='token-1'", "")
    assert "Authorization" not in caught.value.request.headers


def test_logs_hold_no_token(session: Session, api: Server, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing logs a token at any level."""
    caplog.set_level(logging.DEBUG)
    api.routes["/x"] = _only("token-2")
    session.get(f"{api.origin}/x")
    assert caplog.records
    assert "token-" not in caplog.text


@pytest.mark.parametrize("url", ["ftp://localhost/x", "https:///x", "/x", "https://a b/", "file:///etc/passwd"])
def test_bad_urls(session: Session, url: str) -> None:
    """What is no http URL is an error before anything is sent."""
    with pytest.raises((ConfigError, ValueError)):
        session.get(url)


def test_hooks_and_cookies_of_the_api(session: Session, api: Server) -> None:
    """Cookies that the API sets come back to it, as in any session of requests."""
    api.routes["/set"] = as_json(1, headers={"Set-Cookie": "stick=7"})
    api.routes["/x"] = as_json(1)
    session.get(f"{api.origin}/set")
    session.get(f"{api.origin}/x")
    assert api.seen[1].headers["cookie"] == "stick=7"


def test_close_closes_the_connections(authorizer: FakeAuthorizer, api: Server) -> None:
    """A session that is closed closes its connections itself, also while an answer of one is still held."""
    api.routes["/x"] = as_json(1)
    with Session(authorizer) as session:
        answer = session.get(f"{api.origin}/x")
        pools = session.get_adapter(api.origin).poolmanager.pools  # type: ignore[attr-defined]
        (connection,) = filter(None, pools[pools.keys().pop()].pool.queue)
        assert connection.sock is not None
    assert (answer.json(), connection.sock) == (1, None)
