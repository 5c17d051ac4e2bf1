"""A process that a test drives over its pipes: Alice signs in, and its main thread does what it is told.

It has clocks that can be set: its wall clock is `time.time` with an offset, as after a clock was set, while the
monotonic one goes on. So a token ends without anybody waiting for it.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import sys
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import nbauth
from nbauth import api, kernel
from nbauth.demo.check import PersonPrompt
from nbauth.demo.person import Person

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbauth.data.fetch.session import Session
    from nbauth.signin.tokens.credential import Credential

_real_time = time.time
_offset_s = 0.0
_armed = False
_session: Session | None = None


def _now() -> float:
    return _real_time() + _offset_s


class Nobody(PersonPrompt):
    """A person who never acts."""

    def show_address(self, url: str, *, opened: bool) -> None:
        """Look away."""

    def show_code(self, user_code: str, verification_uri: str, **_: Any) -> None:
        """Look away."""

    def ask_redirect(self, url: str) -> None:
        """Look away."""

    def wait(self, timeout_s: float) -> str | None:
        """Let time pass."""
        time.sleep(timeout_s)
        return None


def credential() -> Credential:
    """Return the credential of who is signed in."""
    profile = kernel.config().profiles["demo"]
    return kernel.credential_of(profile, profile.login_scopes)


def scopes() -> tuple[str, ...]:
    """Return the scopes of the demo's API."""
    return kernel.config().profiles["demo"].login_scopes


def session() -> Session:
    """Return the one session of this process."""
    global _session  # noqa: PLW0603 - one for all actions, as in a notebook
    if _session is None:
        _session = api.session("demo")
    return _session


def sign_in(ca_file: str, who: str = "alice") -> str:
    """Sign somebody in."""
    person = PersonPrompt(Person(who, ca_file=ca_file), who)
    return nbauth.login("demo", flow="paste", prompt=person, timeout_s=20, account=f"{who}@contoso.example").username


def wait_for_somebody(ca_file: str) -> str:
    """Ask Bob to sign in, who never does."""
    prompt = Nobody(Person("bob", ca_file=ca_file), "bob")
    return nbauth.login("demo", flow="loopback", prompt=prompt, timeout_s=60, account="bob@contoso.example").username


def set_clock(seconds: float) -> None:
    """Set the wall clock on, or back."""
    global _offset_s  # noqa: PLW0603
    _offset_s += seconds


def refresh() -> str:
    """Get a token where the present one has ended."""
    set_clock(4000)
    return credential().token(scopes())[-8:]


def token() -> str:
    """Get a token; the end of it tells it from others."""
    return credential().token(scopes())[-8:]


def get(url: str, *, ended: bool = False) -> int:
    """Request a URL; with `ended` after the token has ended."""
    if ended:
        set_clock(4000)
    return session().get(url).status_code


def state() -> dict[str, Any]:
    """Tell what an interrupt may have left behind."""
    credential().settle(time.monotonic() + 10)
    cache = nbauth.client("demo").token_cache
    held = credential()
    return {
        "locked": [held._lock.locked(), held.refresh_lock.locked(), held._single_flight._lock.locked()],
        "refresh_tokens": len(list(cache.search("RefreshToken"))),
        "accounts": [account.username for account in kernel.accounts()],
    }


def interrupt_soon(how: str, after_s: float) -> None:
    """Interrupt the main thread from another one, as kernels do where there are no signals."""
    main = threading.main_thread().ident

    def act() -> None:
        time.sleep(after_s)
        if not _armed:
            return
        if how == "interrupt_main":
            import _thread

            _thread.interrupt_main()
        else:
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(main or 0), ctypes.py_object(KeyboardInterrupt))

    threading.Thread(target=act, daemon=True).start()


def threads(count: int, rounds: int) -> dict[str, Any]:
    """Let many threads meet an ended token at once, again and again."""
    barrier = threading.Barrier(count)
    seen: list[set[str]] = [set() for _ in range(rounds)]
    errors: list[str] = []

    def work() -> None:
        for number in range(rounds):
            if barrier.wait() == 0:
                set_clock(4000)
            barrier.wait()
            try:
                seen[number].add(credential().token(scopes()))
            except Exception as error:
                errors.append(repr(error))

    with ThreadPoolExecutor(count) as pool:
        for future in [pool.submit(work) for _ in range(count)]:
            future.result()
    return {"tokens": len(set.union(*seen)), "a_round": max(map(len, seen)), "errors": errors}


def fork(url: str, *, ended: bool, while_renewing: bool = False, children: int = 4) -> list[Any]:
    """Fork several children at once; each requests a URL twice and says what came, as the parent does after them."""
    if ended:
        set_clock(4000)
    if while_renewing:
        renewing = threading.Thread(target=lambda: credential().token(scopes()))
        renewing.start()
        while renewing.is_alive() and not credential().refresh_lock.locked():
            time.sleep(0.001)
    pipes = []
    for _ in range(children):
        reading, writing = os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that this process has threads, from Python 3.12 on
            child = os.fork()
        if child == 0:
            answer: list[Any] = []
            try:
                for _ in range(2):
                    response = session().get(url)
                    answer.append([response.status_code, response.json()["displayName"], token()])
            except BaseException as error:
                answer.append(repr(error))
            os.write(writing, json.dumps(answer).encode())
            os._exit(0)
        os.close(writing)
        pipes.append((child, reading))
    if while_renewing:
        renewing.join()
    outcomes: list[Any] = []
    for child, reading in pipes:
        with os.fdopen(reading) as pipe:
            outcomes.append(json.loads(pipe.read() or "[]"))
        os.waitpid(child, 0)
    return [*outcomes, [[session().get(url).status_code, "parent", token()]]]


def fork_and_end(url: str) -> None:
    """Fork a child that outlives this process; it answers in its parent's place."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        child = os.fork()
    if child:
        os._exit(0)
    while os.getppid() == _parent:
        time.sleep(0.01)
    first = session().get(url).status_code
    set_clock(4000)
    try:
        answer = str(session().get(url).status_code)
    except BaseException as error:
        answer = f"{type(error).__name__}: {error}"
    _say({"value": [first, answer]})
    os._exit(0)


_parent = os.getpid()


def worker_names_no_secret() -> str:
    """Say what a process that `spawn` started finds: run by multiprocessing."""
    try:
        return str(api.session("demo"))
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def raise_in_worker() -> None:
    """Raise what such a process finds."""
    api.session("demo")


def pool(method: str, url: str) -> list[str]:
    """Ask workers of a multiprocessing pool; what they raise comes through its pickle."""
    import multiprocessing

    context = multiprocessing.get_context(method)
    answers = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with context.Pool(2) as workers:
            answers += workers.starmap(get, [(url,)] * 4) if method == "fork" else []
            answers += workers.starmap(worker_names_no_secret, [()] * 2) if method != "fork" else []
            try:
                workers.apply(raise_in_worker)
            except Exception as error:
                answers.append(f"{type(error).__name__}: {error}")
            workers.close()
            workers.join()
    return [str(answer) for answer in answers]


def start_anew(directory: str, environ: dict[str, str]) -> None:
    """Become as good as a new process: signed in to nothing, with no session, and with a clock that is right."""
    global _offset_s, _session
    _offset_s, _session = 0.0, None
    os.environ.clear()
    os.environ.update(environ)
    os.chdir(directory)
    kernel.reset()


_ACTIONS: dict[str, Callable[..., Any]] = {
    action.__name__: action for action in (sign_in, wait_for_somebody, set_clock, refresh, token, get, state, threads)
} | {"start_anew": start_anew, "fork": fork, "fork_and_end": fork_and_end, "pool": pool}


def _interrupt(*_: Any) -> None:
    # As Python's own handler, but an interrupt that comes late does not end the process between two actions.
    if _armed:
        raise KeyboardInterrupt


def _act(name: str, options: dict[str, Any], interrupt: dict[str, Any] | None) -> dict[str, Any]:
    global _armed  # noqa: PLW0603
    answer: dict[str, Any] = {}
    try:
        try:
            _armed = True
            if interrupt is not None:
                interrupt_soon(**interrupt)
            _say({"started": name})
            answer["value"] = _ACTIONS[name](**options)
        finally:
            _armed = False
    except BaseException as error:
        answer = {"error": type(error).__name__, "message": str(error)}
    return answer | {"at": time.monotonic()}


def _say(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Do what the lines of standard input say."""
    time.time = _now
    signal.signal(signal.SIGINT, _interrupt)
    for line in sys.stdin:
        told = json.loads(line)
        answer = _act(told["do"], told["with"], told["interrupt"])
        with contextlib.suppress(KeyboardInterrupt):  # of another thread, on its way since before it was over
            time.sleep(0)
        _say(answer)


if __name__ == "__main__":
    # Under its own name, so that what it pickles can be found by the workers that it starts.
    import kernel_process

    kernel_process.main()
