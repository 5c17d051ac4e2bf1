"""Failed sign-ins and renewals: no frame, cause, context or argument of their exceptions shows a secret."""

from __future__ import annotations

import asyncio
import functools
import json
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from rendered_exceptions import leaks

import nbauth
from nbauth import kernel
from nbauth.demo.provider.realms import PARTNER_ID
from nbauth.errors import NbauthError
from nbauth.signin.flows.prompt import CancellablePrompt, in_a_thread
from nbauth.signin.profile.profile import Profile
from nbauth.signin.remembered import location
from nbauth.signin.tokens.fork_channel import TokenClient

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Watch

GRANT = json.dumps({"error": "invalid_grant", "error_description": "AADSTS70008: The code has expired."})
TOKEN_FAULTS: dict[str, dict[str, Any]] = {
    "reset": {"reset": True},
    "503": {"status": 503},
    "a web page": {"html": True},
    "cut off": {"truncate_at": 300},
    "refused": {"status": 400, "body": GRANT},
    "redirected": {"status": 307, "headers": {"Location": "https://elsewhere.example/"}},
    "a token that is none": {"status": 200, "body": '{"access_token": 7}'},
    "no ID token": {"status": 200, "body": '{"access_token": "a", "expires_in": 9, "refresh_token": "b"}'},
}
CALLBACK = "http://localhost:8888/lab/extensions/nbauth/static/callback.html"


def _raise(error: BaseException) -> Callable[[], Any]:
    def act() -> Any:
        raise error

    return act


def _nothing() -> None:
    """Do nothing."""


def _expire(credential: Any) -> None:
    """Let MSAL's tokens and the kernel's end, but for the refresh token."""
    cache = nbauth.client("demo").token_cache
    for entry in list(cache.search(cache.CredentialType.ACCESS_TOKEN)):
        cache.remove_at(entry)
    credential._memo.clear()
    credential._paused_until.clear()


@pytest.mark.parametrize("flow", ["loopback", "paste", "device_code", "callback_page"])
def test_however_a_flow_ends(flow: str, watch: Watch) -> None:
    """Whatever ends a sign-in, its exception shows nothing of it."""
    demo = watch.demo
    demo.provider.settings.interval_s = 0
    name = "demo"
    if flow == "callback_page":
        client = demo.provider.register_client(redirect_uris=[CALLBACK])
        base = kernel.config().profiles["demo"]
        name = "paged"
        kernel.add_profile(
            Profile(
                name,
                client_id=client.client_id,
                authority=base.authority,
                ca_bundle=base.ca_bundle,
                apis=base.apis,
                redirect_uri=CALLBACK,
            )
        )

    def login(*, choose: str = "alice", timeout_s: float = 20, **options: Any) -> None:
        instead = options.pop("instead", {})
        nbauth.login(name, flow=flow, prompt=watch.prompt(choose, **instead), timeout_s=timeout_s, **options)

    # A device code asks again after the first two; one flow is enough for the faults that all share.
    for fault in TOKEN_FAULTS if flow == "paste" else ("refused", "no ID token", "cut off"):
        demo.provider.faults.add("*/token", **TOKEN_FAULTS[fault])
        watch.fails(fault, login)
        demo.provider.faults.clear()
    watch.fails("no consent", lambda: login(choose="cancel"))
    watch.fails("somebody else", lambda: login(choose="bob", account="alice@contoso.example"))
    watch.fails("nobody", lambda: login(timeout_s=0.05, instead={"show": _nothing, "wait": _nothing}))
    for moment in ("begin", "show", "wait", "end"):
        for mistake in (ZeroDivisionError("a mistake"), KeyboardInterrupt()):
            act = functools.partial(login, instead={moment: _raise(mistake)})
            watch.fails(f"{type(mistake).__name__} in {moment}", act)
    demo.provider.settings.misissued_tenant_id = PARTNER_ID
    watch.fails("another tenant's ID token", login)
    demo.provider.settings.misissued_tenant_id = None
    watch.fails("a thread of its own", lambda: asyncio.run(_asynchronous(watch, flow, name)))
    assert watch.seen == {}
    assert len(watch.errors) >= 16


async def _asynchronous(watch: Watch, flow: str, name: str) -> None:
    prompt = CancellablePrompt(watch.prompt("cancel"))
    await in_a_thread(lambda: nbauth.login(name, flow=flow, prompt=prompt, timeout_s=20), prompt)


@pytest.mark.parametrize("remember", [False, True], ids=["in memory", "remembered"])
def test_whatever_a_renewal_meets(watch: Watch, monkeypatch: pytest.MonkeyPatch, *, remember: bool) -> None:
    """Whatever a renewal meets, its exception shows neither token."""
    monkeypatch.setenv("NBAUTH_ALLOW_PLAINTEXT_CACHE", "1")
    demo = watch.demo
    credential = watch.sign_in()
    if remember:
        nbauth.login("demo", flow="paste", prompt=watch.prompt(), remember=True, timeout_s=20)
        credential = kernel.credential_of(credential.profile, credential.profile.login_scopes)
    scopes = credential.profile.login_scopes
    for fault, how in TOKEN_FAULTS.items():
        if fault in ("refused", "no ID token", "cut off"):  # no fault, or one that ends the sign-in: see below
            continue
        present = credential.token(scopes)
        demo.provider.faults.add("*/token", **how, times=2)
        watch.fails(fault, functools.partial(credential.token, scopes, rejected=present))
        if not remember:
            _expire(credential)
            watch.fails(f"{fault}, with none left", functools.partial(credential.token, scopes))
        demo.provider.faults.clear()
    present = credential.token(scopes)
    demo.provider.faults.add("*/token", delay_s=0.6)
    watch.fails("interrupted", lambda: _interrupted(lambda: credential.token(scopes, rejected=present)))
    credential.settle(time.monotonic() + 20)
    credential._memo.clear()
    present = credential.token(scopes)
    for fault in ("cut off", "refused"):
        demo.provider.faults.add("*/token", **TOKEN_FAULTS[fault])
        watch.fails(fault, lambda: credential.token(scopes, rejected=present))
        demo.provider.faults.clear()
    if remember:
        (file,) = location.directory().glob("*.bin")
        file.unlink()
        file.mkdir()  # which no sign-out can delete
        watch.fails("what cannot be deleted", lambda: kernel.logout("demo"))
    assert watch.seen == {}
    assert len(watch.errors) >= 9


def _interrupted(act: Callable[[], Any]) -> None:
    import _thread

    timer = threading.Timer(0.2, _thread.interrupt_main)
    timer.start()
    try:
        act()
    finally:
        timer.join()


def test_the_first_request_of_all(watch: Watch) -> None:
    """A provider that is down, or says too little, is told in an exception without secrets."""
    for fault, how in {"reset": {"reset": True}, "a web page": {"html": True}, "empty": {"body": "{}"}}.items():
        watch.demo.provider.faults.add("*openid-configuration", **how)
        watch.fails(fault, lambda: nbauth.login("demo", flow="paste", prompt=watch.prompt(), timeout_s=20))
        watch.demo.provider.faults.clear()
    watch.demo.provider.faults.add("*/devicecode", status=200, body='{"device_code": "%s"}' % ("d" * 40))
    watch.known.add("d" * 40)
    watch.fails("no code", lambda: nbauth.login("demo", flow="device_code", prompt=watch.prompt(), timeout_s=20))
    watch.demo.provider.faults.add("*keys*", status=500)
    watch.fails("no keys", lambda: nbauth.login("demo", flow="paste", prompt=watch.prompt(), timeout_s=20))
    assert watch.seen == {}


def test_an_interrupt_while_a_code_is_redeemed(watch: Watch) -> None:
    """An interrupt in the middle of MSAL leaves neither code nor verifier in the frames."""
    watch.demo.provider.faults.add("*/token", delay_s=0.6)
    login = lambda: nbauth.login("demo", flow="paste", prompt=watch.prompt(), timeout_s=20)  # noqa: E731
    error = watch.fails("interrupted", lambda: _interrupted(login))
    assert isinstance(error, NbauthError | KeyboardInterrupt)
    assert watch.seen == {}


def test_a_parent_that_ends_while_it_answers() -> None:
    """Half of an answer to a forked child is none, and its token is in no error."""
    token = "secret-of-mine" * 4
    asks, hears = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)

    def parent() -> None:
        _, (handle,), *_ = socket.recv_fds(hears, 1, 1)
        with socket.socket(fileno=handle) as channel:
            while channel.recv(1024):
                pass
            channel.sendall(b'{"token": {"secret": "%s' % token.encode())

    with asks, hears:
        thread = threading.Thread(target=parent)
        thread.start()
        try:
            assert TokenClient(asks).ask("key", ("a",), rejected=None, claims=None, life_s=0.0) is None
        except ValueError as error:
            pytest.fail(f"{type(error).__name__}: {leaks(error, {token})}")
        finally:
            thread.join()
