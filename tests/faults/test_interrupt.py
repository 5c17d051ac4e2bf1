"""Interrupts at random points, in a process that goes on afterwards."""

from __future__ import annotations

import os
import random
import signal
import time
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbauth.demo.server import DemoServer

_BACK_S = 1.0


def _check_afterwards(kernel_process: Any, demo: DemoServer) -> None:
    state = kernel_process.do("state")
    assert state == {"locked": [False] * 3, "refresh_tokens": 1, "accounts": ["alice@contoso.example"]}
    # A rotated refresh token that was lost, or used twice, would have ended the sign-in.
    kernel_process.do("refresh")
    assert kernel_process.do("get", url=f"{demo.api_url}/me") == 200
    assert {record.status for record in demo.provider.requests.matching("*/token")} == {200}


def _interrupting(points: random.Random, longest_s: float, sent: list[float]) -> Callable[[int], None]:
    def interrupt(process: int) -> None:
        time.sleep(points.uniform(0, longest_s))
        sent.append(time.monotonic())
        os.kill(process, signal.SIGINT)

    return interrupt


@pytest.mark.parametrize(("action", "times"), [("refresh", 200), ("request", 100)], ids=["refresh", "request"])
def test_sigint_at_random_points(action: str, times: int, kernel_process: Any, demo: DemoServer) -> None:
    """SIGINT at random points is a KeyboardInterrupt within a second; the next call is good, and nothing is lost."""
    points, delays_s = random.Random(1), []  # noqa: S311 - no secret
    url = f"{demo.api_url}/me"
    demo.provider.faults.add("*/token", delay_s=0.03, times=None)
    while len(delays_s) < times:
        sent: list[float] = []
        meanwhile = _interrupting(points, 0.05, sent)
        if action == "refresh":
            answer = kernel_process.answer("refresh", meanwhile=meanwhile)
        else:
            answer = kernel_process.answer("get", url=url, ended=True, meanwhile=meanwhile)
        if "error" in answer:
            assert answer["error"] == "KeyboardInterrupt"
            delays_s.append(answer["at"] - sent[0])
        assert kernel_process.do("get", url=url) == 200
    print(f"{times} interrupts of a {action}: the slowest came back after {1000 * max(delays_s):.1f} ms")
    assert max(delays_s) < _BACK_S
    _check_afterwards(kernel_process, demo)


@pytest.mark.parametrize("how", ["interrupt_main", "async_exc"])
def test_an_interrupt_without_a_signal(how: str, kernel_process: Any, demo: DemoServer) -> None:
    """An interrupt that another thread raises, as where there are no signals, comes through within a second, too."""
    points, interrupted, slowest_s = random.Random(2), 0, 0.0  # noqa: S311
    demo.provider.faults.add("*/token", delay_s=1.3, times=None)
    for _ in range(4):
        after_s = points.uniform(0, 0.2)
        begun = time.monotonic()
        answer = kernel_process.answer("refresh", interrupt={"how": how, "after_s": after_s})
        if "error" in answer:
            assert answer["error"] == "KeyboardInterrupt"
            interrupted += 1
            slowest_s = max(slowest_s, answer["at"] - begun - after_s)
        assert kernel_process.do("get", url=f"{demo.api_url}/me") == 200
    assert slowest_s < _BACK_S
    assert interrupted > 1
    demo.provider.faults.clear()
    _check_afterwards(kernel_process, demo)


def test_an_interrupted_sign_in(kernel_process: Any, demo: DemoServer) -> None:
    """An interrupted sign-in is cancelled within a second, wherever it was; who was signed in stays, and goes on."""
    points, endings, slowest_s = random.Random(3), set(), 0.0  # noqa: S311
    for _ in range(50):
        sent: list[float] = []
        meanwhile = _interrupting(points, 0.1, sent)
        answer = kernel_process.answer("wait_for_somebody", ca_file=kernel_process.ca_file, meanwhile=meanwhile)
        endings.add(answer["error"])
        slowest_s = max(slowest_s, answer["at"] - sent[0])
        assert kernel_process.do("get", url=f"{demo.api_url}/me") == 200
    assert endings <= {"SignInCancelled", "KeyboardInterrupt"}
    assert "SignInCancelled" in endings
    print(f"50 interrupts of a sign-in: the slowest came back after {1000 * slowest_s:.1f} ms")
    assert slowest_s < _BACK_S
    demo.provider.requests.clear()
    _check_afterwards(kernel_process, demo)
