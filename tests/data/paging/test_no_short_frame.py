"""No frame is short in silence: whatever an answer looks like, all rows come, or an error, or a warning."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from envelopes import ended_apis, paged_apis
from hypothesis import HealthCheck, given, settings
from loads import read
from played_api import ORIGIN, session_of

from nbauth.errors import AssumptionWarning, NbauthError

if TYPE_CHECKING:
    from enveloped_api import EnvelopedApi

# The same examples each time: a failure is one of the code, and not of the day.
bounded = settings(derandomize=True, database=None, suppress_health_check=list(HealthCheck))


def outcome(api: EnvelopedApi) -> tuple[list[int] | None, list[str]]:
    """Return the ids of the rows that a read brings, None where that is an error; and what it warns of."""
    with session_of(api.played()) as session, warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            frame = read(session, f"{ORIGIN}/x", **api.arguments)
        except NbauthError as error:
            return None, [str(error)]
    warned = [str(one.message) for one in said if issubclass(one.category, AssumptionWarning)]
    return (list(frame["id"]) if "id" in frame else [-1] * len(frame)), warned


@settings(bounded, max_examples=400)
@given(paged_apis())
def test_more(api: EnvelopedApi) -> None:
    """Where the first of several pages says that there is more, exactly the rows come, or an error, or a warning."""
    ids, said = outcome(api)
    assert ids is None or said or ids == list(range(api.rows))


@settings(bounded, max_examples=150)
@given(ended_apis())
def test_end(api: EnvelopedApi) -> None:
    """Where one page says that it is all, its rows come, with neither an error nor a warning."""
    ids, said = outcome(api)
    assert (ids, said) == (list(range(api.rows)), [])
