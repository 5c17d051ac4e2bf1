"""An event loop beside many requests: it goes on, whatever a provider or a person does."""

from __future__ import annotations

import asyncio
import dataclasses
import threading
from typing import TYPE_CHECKING, Any

import nbauth
from nbauth import kernel
from nbauth.errors import SignInCancelled
from nbauth.frontend import front_end

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from nbauth.demo.server import DemoServer


async def _until(holds: Callable[[], bool]) -> None:
    """Let the loop go on until something holds; where it never does, that is said instead of a hang."""
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110 - what is waited for happens in other threads
            await asyncio.sleep(0.001)


def test_many_coroutines_and_one_refresh(demo: DemoServer, person: Callable[..., Any]) -> None:
    """100 coroutines meet an ended token: one refresh, and the loop goes on while the provider keeps them waiting.

    The provider answers when the loop says so. A loop that our code holds up would never get to say it.
    """
    nbauth.login("demo", flow="paste", prompt=person(), timeout_s=20)
    profile = kernel.config().profiles["demo"]
    credential = kernel.credential_of(profile, profile.login_scopes)
    (token,) = credential._memo.values()
    demo.provider.requests.clear()
    answer = threading.Event()
    fault = demo.provider.faults.add("*/token", until=answer)

    async def main(session: nbauth.Session) -> list[int]:
        def get() -> int:
            return session.get(f"{demo.api_url}/me").status_code

        credential._memo[profile.login_scopes] = dataclasses.replace(token, expires_at=0.0)
        requests = [asyncio.create_task(asyncio.to_thread(get)) for _ in range(100)]
        await _until(lambda: fault.hits == 1)
        for _ in range(100):
            await asyncio.sleep(0)
        assert not any(request.done() for request in requests)
        answer.set()
        return await asyncio.gather(*requests)

    with nbauth.session("demo") as session:
        assert asyncio.run(main(session)) == [200] * 100
    assert demo.provider.requests.count("*/token") == 1


class _Waiting:
    """A person who never comes.

    Attributes:
        waits: how many sign-ins wait for them at least.
        gone: set when they are not waited for any longer.
    """

    opens_addresses = True

    def __init__(self) -> None:
        self.waits = 0
        self.gone = threading.Event()
        self._lock = threading.Lock()
        self._seen: set[int] = set()

    def __getattr__(self, _name: str) -> Any:
        return lambda *_, **__: None

    def wait(self, timeout_s: float) -> None:
        """Let time pass."""
        with self._lock:
            self._seen.add(threading.get_ident())
            self.waits = len(self._seen)
        if self.gone.wait(timeout_s):
            raise SignInCancelled("Nobody came.")


def test_people_take_no_threads_of_the_loop(demo: DemoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sign-ins that wait for people do not use up the loop's own few threads: other work goes on."""
    waiting = _Waiting()
    monkeypatch.setattr(front_end, "prompt", lambda: waiting)

    async def main() -> list[Any]:
        sign_ins = [asyncio.create_task(nbauth.login_async("demo", flow="paste", timeout_s=300)) for _ in range(40)]
        await _until(lambda: waiting.waits == 40)
        assert await asyncio.to_thread(lambda: "done") == "done"
        assert not any(task.done() for task in sign_ins)
        waiting.gone.set()
        return await asyncio.gather(*sign_ins, return_exceptions=True)

    assert {type(outcome) for outcome in asyncio.run(main())} == {SignInCancelled}


def test_a_loop_that_ends_first(demo: DemoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sign-in whose loop is gone ends by itself, and silently."""
    waiting, ended, over = _Waiting(), list[Any](), threading.Event()

    def end(outcome: Any) -> None:
        ended.append(outcome)
        over.set()

    waiting.end = end  # type: ignore[attr-defined]
    monkeypatch.setattr(front_end, "prompt", lambda: waiting)

    async def main() -> None:
        task = asyncio.create_task(nbauth.login_async("demo", flow="paste", timeout_s=300))
        await _until(lambda: waiting.waits == 1)
        task.cancel()

    asyncio.run(main())
    assert over.wait(60)
    assert [type(outcome).__name__ for outcome in ended] == ["SignInCancelled"]
