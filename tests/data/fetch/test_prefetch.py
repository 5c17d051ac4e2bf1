from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from nbauth.data.fetch import prefetch as module
from nbauth.data.fetch.prefetch import prefetched

if TYPE_CHECKING:
    from collections.abc import Iterator


def _taken(iterator: Iterator[int], *, size: int = 1, is_eager: bool = False) -> list[int]:
    return list(prefetched(iterator, size=lambda _: size, stop=lambda: None, pending=[], is_eager=is_eager))


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5, 6, 7, 20, 101])
@pytest.mark.parametrize("size", [1, 600_000, 3_000_000, 50_000_000])
@pytest.mark.parametrize("is_eager", [False, True])
def test_items_come_in_order(count: int, size: int, *, is_eager: bool) -> None:
    """Every item comes once and in order, however many there are and however large."""
    assert list(range(count)) == _taken(iter(range(count)), size=size, is_eager=is_eager)


def test_waiting_makes_it_run_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once the items are waited for, further ones are fetched while one is looked at."""
    monkeypatch.setattr(module, "_WORTH_IT_S", -1.0)  # any wait is worth it
    seen = threading.Event()

    def items() -> Iterator[int]:
        yield 0
        yield 1
        seen.set()
        yield 2

    taken = prefetched(items(), size=lambda _: 1, stop=lambda: None, pending=[])
    assert [next(taken), next(taken)] == [0, 1]
    assert seen.wait(10)
    assert list(taken) == [2]


@pytest.mark.parametrize("count", [0, 1, 2, 3, 5, 6, 9])
def test_an_error_comes_after_the_items_before_it(count: int) -> None:
    """An error comes after all items that came before it."""

    def items() -> Iterator[int]:
        yield from range(count)
        raise ValueError("broken")

    came: list[int] = []
    with pytest.raises(ValueError, match="broken"):
        came.extend(prefetched(items(), size=lambda _: 1, stop=lambda: None, pending=[]))
    assert list(range(count)) == came


@pytest.mark.parametrize("takes", [1, 2, 3, 4, 5, 6, 9])
def test_whoever_leaves_early_gets_what_had_come(takes: int) -> None:
    """Whoever leaves early gets what had come and was not taken; nothing is fetched any more, and no thread stays."""
    stopped = threading.Event()
    made: list[int] = []

    def items() -> Iterator[int]:
        for number in range(1000):
            made.append(number)
            yield number

    pending: list[int] = []
    taken = prefetched(items(), size=lambda _: 1, stop=stopped.set, pending=pending)
    came = [next(taken) for _ in range(takes)]
    taken.close()  # type: ignore[attr-defined]
    assert list(range(takes)) == came
    assert stopped.is_set()
    for thread in [one for one in threading.enumerate() if one.name == "nbauth-fetch"]:
        thread.join(10)
        assert not thread.is_alive()
    # The one that was taken last is there, too: an interrupt may come before it is used.
    assert list(range(takes - 1, takes - 1 + len(pending))) == pending
    assert len(made) - (takes - 1 + len(pending)) in (0, 1)


def test_a_stall_holds_nothing_back() -> None:
    """What came before a stall is there soon, though less came than is handed over at once."""
    go_on = threading.Event()

    def items() -> Iterator[int]:
        yield from range(3)
        go_on.wait(30)
        yield 3

    taken = prefetched(items(), size=lambda _: 1, stop=lambda: None, pending=[])
    assert [next(taken) for _ in range(3)] == [0, 1, 2]
    go_on.set()
    assert list(taken) == [3]


def test_what_was_begun_ends() -> None:
    """Where no more is taken the iterator is closed, whoever still keeps it."""
    ended = threading.Event()

    def items() -> Iterator[int]:
        try:
            while True:
                yield 1
        finally:
            ended.set()

    kept = items()
    taken = prefetched(kept, size=lambda _: 1, stop=lambda: None, pending=[], is_eager=True)
    next(taken)
    taken.close()  # type: ignore[attr-defined]
    assert ended.wait(10)
