"""Tables as CSV: they come in parts, and are what pandas makes of them in one piece."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from loads import read
from loopback_api import Reply

from nbauth.data.parse.time_columns import with_times
from nbauth.errors import FormatError

if TYPE_CHECKING:
    from loopback_api import Server

    from nbauth.data.fetch.session import Session

pytestmark = pytest.mark.usefixtures("engine")
_WIDE, _ROWS = 127, 5_000


@pytest.mark.parametrize(
    ("first", "then", "requests"),
    [
        ("007", "x", 2),
        ("1", "1.5", 1),
        ("1", "18446744073709551614", 2),
        ("-1", "18446744073709551614", 2),
        ("True", "x", 2),
        ("True", "", 1),
        ("True", "7", 2),
        ("x", "7", 2),
        ("x", "", 1),
        ("", "x", 1),
        ("", "True", 1),
        ("1", "", 1),
        ("", "2024-01-01T00:00:00Z", 1),
    ],
)
@pytest.mark.parametrize("backend", [{}, {"dtype_backend": "pyarrow"}], ids=["pandas", "pyarrow"])
def test_table_in_parts_is_the_whole(  # noqa: PLR0917 - fixtures and parameters
    session: Session, api: Server, first: str, then: str, requests: int, backend: dict[str, Any]
) -> None:
    """A table is what pandas makes of it in one piece, also where its parts get other dtypes; mostly by one request."""
    body = ("a" + ",c" * _WIDE + "\n" + "".join(f"{cell}{',' * _WIDE}\n" * _ROWS for cell in (first, then))).encode()
    api.routes["/x"] = Reply(body, content_type="text/csv")
    expected = with_times(pd.read_csv(io.BytesIO(body), low_memory=False, **backend)[["a"]])
    pd.testing.assert_frame_equal(read(session, f"{api.origin}/x", **backend)[["a"]], expected)
    assert len(api.seen) <= requests


@pytest.mark.parametrize("first", ["1", "1.5"])
def test_table_with_integers_of_any_size(session: Session, api: Server, first: str) -> None:
    """Integers beyond 64 bits are kept, as text beside fractions; an error where Arrow's types have none."""
    body = ("a" + ",c" * _WIDE + "\n" + "".join(f"{n}{',' * _WIDE}\n" * _ROWS for n in (first, "9" * 20))).encode()
    api.routes["/x"] = Reply(body, content_type="text/csv")
    expected = pd.read_csv(io.BytesIO(body), low_memory=False, dtype=None if first == "1" else {"a": str})["a"]
    pd.testing.assert_series_equal(read(session, f"{api.origin}/x")["a"], expected)
    try:
        found = read(session, f"{api.origin}/x", dtype_backend="pyarrow")["a"]
    except FormatError as error:
        assert "too large" in str(error)  # noqa: PT017 - older pandas has text there
    else:
        assert [str(found.iloc[0]), float(found.iloc[-1])] == [first, pytest.approx(1e20)]


def test_table_with_more_cells_than_names(session: Session, api: Server) -> None:
    """Cells that have no name are an error that names the line, or the index where the caller asks for pandas' way."""
    body = b"a,b\n" + b"1,2\n" * 400_000 + b"1,2,3\n" * 60_000
    api.routes["/x"] = Reply(body, content_type="text/csv")
    with pytest.raises(FormatError, match="line 400,002 has 3 cells, where the line of names has 2"):
        read(session, f"{api.origin}/x")
    body = b"a,b\n" + b"1,2,3\n" * 60_000
    api.routes["/x"] = Reply(body, content_type="text/csv")
    pd.testing.assert_frame_equal(read(session, f"{api.origin}/x", csv={}), pd.read_csv(io.BytesIO(body)))
