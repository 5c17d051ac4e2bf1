"""What catches an error, and what does not."""

from __future__ import annotations

import pickle
from contextlib import suppress

import pandas as pd
import pytest

from nbauth.errors import DataError, NbauthError, ReadInterrupted


def test_no_handler_of_errors_swallows_an_interrupt() -> None:
    """Code that goes on after any error, or any of nbauth's, ends at an interrupted read; one for interrupts has it."""
    for kind in (Exception, NbauthError, DataError):
        with pytest.raises(KeyboardInterrupt), suppress(kind):
            raise ReadInterrupted("Stopped.")


def test_an_interrupt_carries_what_was_read() -> None:
    """An interrupted read says what happened and what to do, carries rows and address, and crosses processes."""
    error = ReadInterrupted(
        "Stopped.", url="https://api.contoso.com/x", partial=lambda: pd.DataFrame({"a": [1]}), next_step="Go on."
    )
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - made in the line before
    for each in (error, again):
        assert (str(each), each.next_step, each.url) == ("Stopped. Go on.", "Go on.", "https://api.contoso.com/x")
        assert each.partial["a"].tolist() == [1]
        assert each._render_traceback_() == ["ReadInterrupted: Stopped. Go on."]
    assert ReadInterrupted("Stopped.").partial is None
