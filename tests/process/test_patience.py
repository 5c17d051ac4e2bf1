"""What waits for somebody else is given up in the end, and within the time that a caller gave."""

from __future__ import annotations

import threading

import pytest

from nbauth.process.patience import bounded, within


def test_what_it_returns_and_raises() -> None:
    """Whatever the work returns or raises comes out, with a caller's time or without."""
    assert bounded(lambda: 1, most_s=10) == 1
    with within(0.0):
        assert bounded(lambda: 2, most_s=10) == 2  # what is there at once is had also at the end
    with pytest.raises(KeyError, match="who"):
        bounded(lambda: {}["who"], most_s=10)


def test_it_is_left_behind() -> None:
    """Work that does not end is left at its own bound, or at the end of the caller's time; a share of it is less."""
    go_on = threading.Event()
    try:
        with pytest.raises(TimeoutError):
            bounded(lambda: go_on.wait(60), most_s=0.01)
        with within(0.01), pytest.raises(TimeoutError):
            bounded(lambda: go_on.wait(60), most_s=60)
        with within(60.0), pytest.raises(TimeoutError):
            bounded(lambda: go_on.wait(60), most_s=60, share=0.001)
    finally:
        go_on.set()


def test_the_time_of_others() -> None:
    """A caller's time counts in that call alone: not after it, and not in another thread."""
    go_on = threading.Event()
    waited: list[bool] = []
    with within(0.0):
        thread = threading.Thread(target=lambda: waited.append(bounded(lambda: go_on.wait(60), most_s=60)))
        thread.start()
        with pytest.raises(TimeoutError):
            bounded(lambda: go_on.wait(60), most_s=60)
    go_on.set()
    thread.join(60)
    assert waited == [True]
    assert bounded(lambda: 1, most_s=60) == 1
