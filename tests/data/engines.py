"""Both ways through the code, and pages of JSON as odd as they come."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any, Literal

import pytest
from hypothesis import strategies as st

from nbauth.data import extras
from nbauth.data.build.frame_builder import FrameBuilder

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

Engine = Literal["fast", "plain"]

AS_UTC = {
    "2024-01-01T00:00:00Z": "2024-01-01T00:00:00",
    "2024-01-01": "2024-01-01",
    "2024-01-01T00:00:00.1234567+01:00": "2023-12-31T23:00:00.1234567",
    "0001-01-01": "0001-01-01",
    "2024-01-01T00:00:00.1234567Z": "2024-01-01T00:00:00.1234567",
    "2024-06-01T12:30:00.50Z": "2024-06-01T12:30:00.50",
    "2024-01-01 10:00": "2024-01-01T10:00",
    "9999-12-31T23:59:59": "9999-12-31T23:59:59",
}
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.integers(-(2**70), 2**70)
    | st.sampled_from([2**53, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1, 2**64, -(2**63), 10**40])
    | st.floats()
    | st.text(st.characters(exclude_categories=[]), max_size=3)
    | st.sampled_from(['"', "\\", 'a":1', "\n", ""])
    | st.sampled_from(sorted(AS_UTC))
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab."), inner, max_size=2)
)
KEYS = st.sampled_from(["a", "b", "a.b", "", "value", "@odata.etag", "ü", "\ud800", "a.b.2", 'q"', "\\"])
# Mostly of one kind, as columns are, now and then of another.
CELLS = st.one_of(st.integers(-5, 5) | st.none(), SCALARS, VALUES)
PAGES = st.lists(
    st.lists(st.dictionaries(KEYS, CELLS, max_size=4) | SCALARS, max_size=4),
    max_size=4,
)
# Pages of one shape with a rare exception, as APIs send them: the typed parser meets them again and again.
_EVEN = st.fixed_dictionaries(
    {"id": st.integers(-5, 5), "when": st.sampled_from(sorted(AS_UTC)[:3]), "name": st.text(max_size=3)},
    optional={"x": st.floats(allow_nan=False) | st.integers(0, 9), "flag": st.booleans() | st.none()},
)
EVEN_PAGES = st.lists(st.lists(_EVEN, min_size=1, max_size=4), min_size=1, max_size=6).flatmap(
    lambda pages: st.one_of(
        st.just(pages),
        st.lists(st.dictionaries(KEYS, CELLS, max_size=3), max_size=1).map(lambda p: [*pages, p, *pages]),
    )
)


@contextlib.contextmanager
def using(engine: Engine) -> Iterator[None]:
    """Use the extra `fast`, or do as if it were not installed."""
    if engine == "fast":
        assert extras.is_fast()
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        for module in ("parse.lazy_json", "build.frame_builder", "parse.time_columns"):
            patch.setattr(f"nbauth.data.{module}.is_fast", lambda: False)
        yield


def frame_of(*pages: list[Any], texts: list[str] | None = None, **options: Any) -> pd.DataFrame:
    """Build a frame of pages as the engine in use does."""
    builder = FrameBuilder(**options)
    for text in texts if texts is not None else [json.dumps(page) for page in pages]:
        if builder.is_fast:
            from nbauth.data.parse.lazy_json import RawNode

            RawNode(text.encode()).append_to(builder)
        else:
            from nbauth.data.parse.json_text import loads

            builder.add(loads(text))
    return builder.frame()
