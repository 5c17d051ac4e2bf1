"""Services as their own documentation shows them: the rows of each, read with what a person has to say about it."""

from __future__ import annotations

import contextlib
import warnings
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from documented import ANSWERS, Service, documented, records_of
from loads import read
from played_api import session_of

from nbauth import errors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from documented import Documented

pytestmark = pytest.mark.usefixtures("engine")

CASES = [case for file in ANSWERS for case in documented(file).values() if not case.by_page]


@contextlib.contextmanager
def _says(case: Documented) -> Iterator[None]:
    """Expect what a case warns of, or that nothing is said."""
    if case.warns is not None:
        with pytest.warns(errors.AssumptionWarning, match=case.warns):
            yield
        return
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_documented(case: Documented) -> None:
    """Each documented answer, in many pages or in one, becomes its rows with nothing said, or an error."""
    parts = urlsplit(case.url)
    with session_of(Service(case), f"{parts.scheme}://{parts.netloc}") as session, _says(case):
        if case.rows is None:
            with pytest.raises(getattr(errors, str(case.error))) as caught:
                read(session, **case.arguments)
            said = f"{caught.value} {caught.value.next_step}"
            assert [words for words in case.says if words not in said] == []
            return
        frame = read(session, **case.arguments)
    assert records_of(frame) == case.rows
    assert {name: str(frame[name].dtype) for name in case.dtypes} == dict(case.dtypes)
