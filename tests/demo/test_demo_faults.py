"""The listener: faults, the log, keep-alive, limits, and how it ends."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from typing import TYPE_CHECKING
from urllib.error import URLError
from urllib.parse import urlsplit

import pytest

from nbauth.demo import DemoServer
from nbauth.demo.http.faults import Faults

if TYPE_CHECKING:
    from demo_client import Client


def plain(demo: DemoServer, path: str = "/v1.0/me", **headers: str):
    """Ask the API without a token."""
    connection = http.client.HTTPConnection("127.0.0.1", urlsplit(demo.api_url).port, timeout=5)
    try:
        connection.request("GET", path, headers={"Host": "localhost", **headers})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def test_status_and_retry_after(demo: DemoServer, client: Client):
    """A fault answers in the server's place, once, and the log counts it."""
    fault = demo.provider.faults.add("*/token", status=503, retry_after=7, body="busy")
    answer = client.token(grant_type="refresh_token")
    assert (answer.status, answer.headers["Retry-After"], answer.body) == (503, "7", b"busy")
    assert client.token(grant_type="refresh_token").status == 400
    assert fault.hits == 1
    assert demo.requests.count("*/token", method="POST") == 2
    assert demo.provider.requests.count("*/token", status=503) == 1
    assert demo.api.requests.count() == 0


def test_headers_are_added_to_the_real_answer(demo: DemoServer, client: Client):
    """A fault of headers alone leaves the answer as it is."""
    demo.provider.faults.add("*/keys", headers={"Retry-After": "1"}, times=None)
    for _ in range(3):
        answer = client.send(f"{demo.authority}/discovery/v2.0/keys")
        assert (answer.status, answer.headers["Retry-After"]) == (200, "1")
        assert answer.json["keys"]


def test_a_captive_portal(demo: DemoServer, client: Client):
    """A captive portal answers with a page and 200."""
    demo.provider.faults.add("*/openid-configuration", html=True)
    answer = client.send(f"{demo.authority}/v2.0/.well-known/openid-configuration")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")


def test_a_request_that_came_before_the_log_was_cleared(demo: DemoServer):
    """It is not in the log, though its answer comes later: what one test slowed down does not count in the next."""
    released = threading.Event()
    fault = demo.api.faults.add("/v1.0/*", until=released)
    asking = threading.Thread(target=plain, args=(demo,))
    asking.start()
    while not fault.hits:
        time.sleep(0.01)
    demo.api.requests.clear()
    released.set()
    asking.join()
    assert list(demo.api.requests) == []
    assert demo.requests.count() == 1


def test_a_delayed_answer(demo: DemoServer):
    """A delay waits and then lets the real answer through."""
    demo.api.faults.add("/v1.0/*", delay_s=0.3)
    started = time.monotonic()
    assert plain(demo)[0] == 401
    assert time.monotonic() - started >= 0.3


@pytest.mark.parametrize("path", ["/v1.0/me", "/v1.0/sunlight.csv"])
def test_a_truncated_answer(demo: DemoServer, client: Client, path: str):
    """A truncated answer breaks off, whether its length was promised or it comes in chunks."""
    token = client.tokens()["access_token"]
    demo.api.faults.add(path, truncate_at=20)
    with pytest.raises(http.client.IncompleteRead):
        plain(demo, path, Authorization=f"Bearer {token}")


@pytest.mark.parametrize("secure", [True, False])
def test_a_reset_connection(demo: DemoServer, client: Client, *, secure: bool):
    """A reset is a reset, over TLS and without."""
    if secure:
        demo.provider.faults.add("*/token", reset=True)
        with pytest.raises((ConnectionResetError, URLError, ssl.SSLError)):
            client.token(grant_type="refresh_token")
    else:
        demo.api.faults.add("*", reset=True)
        with pytest.raises(ConnectionResetError):
            plain(demo)
    assert demo.requests[-1].status == 0


def test_faults_match_by_method_and_end():
    """A fault hits its method and path only, as often as it should, in the order in which they were added."""
    faults = Faults()
    faults.add("/a*", method="POST", status=500, times=2)
    faults.add("/a*", status=404, times=None)
    assert [faults.take(method, "/ab").status for method in ("GET", "POST", "POST", "POST")] == [404, 500, 500, 404]
    assert faults.take("GET", "/b") is None
    faults.clear()
    assert faults.take("GET", "/ab") is None


def test_the_log_holds_nothing_secret(demo: DemoServer, client: Client):
    """The log has names of parameters and never their values."""
    tokens = client.tokens()
    client.api("/sunlight?$top=1", tokens["access_token"])
    shown = repr(list(demo.requests))
    assert "refresh_token" not in shown
    assert not [secret for secret in demo.provider.issued_secrets if secret in shown]
    record = demo.api.requests.matching("*/sunlight")[0]
    assert (record.query_keys, record.authorization, record.server) == (("$top",), True, "api")
    assert demo.requests.count(grant_type="authorization_code") == 1


def test_other_hosts_are_refused(demo: DemoServer):
    """A name that was made to resolve to this machine is not answered."""
    assert plain(demo, Host="rebound.example")[0] == 400
    assert plain(demo, Host=f"127.0.0.1:{urlsplit(demo.api_url).port}")[0] == 401


@pytest.mark.parametrize("header", ["Transfer-Encoding: chunked", "Content-Length: -1", "Content-Length: 99999999"])
def test_bodies_that_cannot_be(demo: DemoServer, header: str):
    """A body without an acceptable length is refused, and the connection ends."""
    with socket.create_connection(("127.0.0.1", urlsplit(demo.api_url).port), timeout=5) as connection:
        connection.sendall(f"POST /v1.0/me HTTP/1.1\r\nHost: localhost\r\n{header}\r\n\r\n".encode())
        received = b""
        while chunk := connection.recv(4096):
            received += chunk
    assert received.startswith(b"HTTP/1.1 400 ")


def test_connections_are_kept(demo: DemoServer):
    """One connection serves many requests, HEAD among them."""
    connection = http.client.HTTPConnection("localhost", urlsplit(demo.api_url).port, timeout=5)
    connection.request("HEAD", "/v1.0/me")
    connection.getresponse().read()
    first = connection.sock
    for _ in range(3):
        connection.request("GET", "/v1.0/me")
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 401
    assert connection.sock is first
    connection.close()


def test_only_loopback(demo: DemoServer):
    """Every listener is bound to 127.0.0.1."""
    listeners = (demo.provider._https, demo.provider._http, demo.api._listener)
    assert {"127.0.0.1"} == {listener.server_address[0] for listener in listeners}


def test_silent_clients_block_nobody(demo: DemoServer, client: Client):
    """Clients that connect and say nothing, before TLS or after, keep nobody from being served."""
    port = urlsplit(demo.authority).port
    silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(20)]
    try:
        assert client.send(f"{demo.authority}/discovery/v2.0/keys").status == 200
    finally:
        for each in silent:
            each.close()


def test_it_ends_at_once():
    """Closing ends open connections and waiting requests, leaves no thread and no directory, and frees the ports."""
    before = set(threading.enumerate())
    with DemoServer(rows=10) as demo:
        demo.api.faults.add("*", delay_s=60)
        port = urlsplit(demo.api_url).port
        idle = socket.create_connection(("127.0.0.1", port))
        waiting = socket.create_connection(("127.0.0.1", port))
        waiting.sendall(b"GET /v1.0/me HTTP/1.1\r\nHost: localhost\r\n\r\n")
        tls = socket.create_connection(("127.0.0.1", urlsplit(demo.authority).port))
        time.sleep(0.1)
        started = time.monotonic()
    assert time.monotonic() - started < 30  # the request waits for 60
    for each in (idle, waiting, tls):
        each.close()
    assert not [thread for thread in threading.enumerate() if thread not in before and thread.is_alive()]
    assert not demo.directory.exists()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
