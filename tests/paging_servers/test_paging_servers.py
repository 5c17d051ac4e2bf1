"""Loads from paged APIs that nobody here wrote: each row comes once and in order, however the API is paged."""

from __future__ import annotations

import dataclasses
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from installed_programs import node_packages, python_environment

import nbauth
from nbauth import kernel
from nbauth.data.paging import Cursor, NextUrl, Offset, PageNumber
from nbauth.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nbauth.data.paging import Paging
    from nbauth.demo.server import DemoServer

HERE = Path(__file__).parent
PYTHON = HERE / "python_servers" / "requirements.txt"
NODE = HERE / "node_servers" / "package.json"
SIZES = (0, 1, 10, 20, 25)  # nothing, one row, a page, two pages, and a last page that is short
_END_S = 10


@dataclass(frozen=True)
class Style:
    """One server's style of paging.

    Attributes:
        program: what serves it.
        path: a collection; `{size}` rows, ten a page.
        params: what the first request adds.
        named: how the style is named; all ways must bring the same.
        records: the path of the rows, where the caller has to name it for those.
        recognised: whether it need not be named.
    """

    program: str
    path: str
    named: tuple[Paging, ...]
    params: dict[str, Any] = field(default_factory=dict)
    records: str | None = None
    recognised: bool = True


def by_hand(answer: Any) -> str | None:
    """Go on by Datasette's link, as a caller's own function would."""
    link: str | None = answer.json()["next_url"]
    return link


STYLES = {
    "OData": Style("odata.js", "/odata/rows{size}", ("odata",)),
    "OData, counted": Style("odata.js", "/odata/rows{size}", ("odata",), {"$count": "true"}),
    "Link header": Style("links.js", "/rows{size}", ("link",), {"_page": 1, "_limit": 10}),
    "offset in the query, an array": Style(
        "links.js", "/rows{size}", (Offset(offset="_start", limit="_limit", size=10),), recognised=False
    ),
    "page in the query, an array": Style(
        "links.js", "/rows{size}", (PageNumber(parameter="_page"),), {"_limit": 10}, recognised=False
    ),
    "Django REST framework, number": Style("rest_framework_server.py", "/number/rows{size}", ("next",)),
    "Django REST framework, offset": Style("rest_framework_server.py", "/offset/rows{size}", ("next",)),
    "Django REST framework, cursor": Style("rest_framework_server.py", "/cursor/rows{size}", ("next",)),
    "JSON:API": Style("rest_framework_server.py", "/json-api/rows{size}", (NextUrl(path="links.next"),)),
    "fastapi-pagination, number": Style(
        "fastapi_server.py",
        "/number/rows{size}",
        (PageNumber(parameter="page", pages="pages"), PageNumber(parameter="page", total="total")),
        {"size": 10},
        records="items",
    ),
    "fastapi-pagination, offset": Style(
        "fastapi_server.py", "/offset/rows{size}", ("offset",), {"limit": 10}, records="items"
    ),
    "Datasette": Style(
        "datasette_server.py",
        "/data/rows{size}.json",
        (NextUrl(path="next_url"), Cursor(parameter="_next", path="next"), by_hand),
        {"_shape": "objects"},
        records="rows",
    ),
    "Datasette, an array": Style(
        "datasette_server.py", "/data/rows{size}.json", ("link",), {"_shape": "array"}, recognised=True
    ),
}
NAMED = [(name, number) for name, style in STYLES.items() for number in range(len(style.named))]


@contextmanager
def _running(program: str) -> Iterator[str]:
    if program.endswith(".js"):
        node, directory = node_packages(NODE)
        command = [node, str(directory / program)]
    else:
        command = [str(python_environment(PYTHON) / "bin" / "python"), str(PYTHON.with_name(program))]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        said = []
        try:
            for line in process.stdout:
                if line.startswith("http://"):
                    yield line.strip()
                    return
                said.append(line)
            pytest.fail(f"{program} did not start:\n{''.join(said)}")
        finally:
            process.stdin.close()  # they end with their input
            try:
                process.wait(_END_S)
            except subprocess.TimeoutExpired:
                process.kill()


@pytest.fixture(scope="module")
def origins() -> Iterator[dict[str, str]]:
    """Where each server answers; started once."""
    from contextlib import ExitStack

    with ExitStack() as stack:
        yield {name: stack.enter_context(_running(name)) for name in sorted({s.program for s in STYLES.values()})}


@pytest.fixture(autouse=True)
def _profile(demo: DemoServer, origins: dict[str, str]) -> None:
    """A job whose token goes to the servers."""
    job = kernel.config().profiles["nightly"]
    scopes = next(iter(job.apis.values()))
    apis = {**job.apis, **dict.fromkeys(origins.values(), scopes)}
    kernel.add_profile(dataclasses.replace(job, name="servers", apis=apis, file=None))


def _expected(size: int) -> list[dict[str, Any]]:
    return [{"id": n, "name": f"row {n}", "amount": n / 4 if n % 4 else None} for n in range(size)]


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a frame's rows; of JSON:API's, what is inside them."""
    found = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return [{**row.pop("attributes"), "id": int(row["id"])} if "attributes" in row else row for row in found]


def _read(style: Style, origins: dict[str, str], size: int, **options: Any) -> Any:
    url = origins[style.program] + style.path.format(size=size)
    return nbauth.read(url, profile="servers", params=style.params, **options)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", [name for name, style in STYLES.items() if style.recognised])
def test_the_style_is_detected(name: str, size: int, origins: dict[str, str]) -> None:
    """The style is told from the first answer."""
    found = _read(STYLES[name], origins, size)
    assert _expected(size) == _rows(found)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("name", "number"), NAMED)
def test_the_style_is_named(name: str, number: int, size: int, origins: dict[str, str]) -> None:
    """The style is named."""
    style = STYLES[name]
    found = _read(style, origins, size, paging=style.named[number], records=style.records)
    assert _expected(size) == _rows(found)


@pytest.mark.parametrize("name", [name for name, style in STYLES.items() if style.recognised])
def test_several_pages_at_once(name: str, origins: dict[str, str]) -> None:
    """Several pages at once come in order, of every style that is found by itself."""
    assert _expected(25) == _rows(_read(STYLES[name], origins, 25, concurrency=4))


@pytest.mark.parametrize("name", [name for name, style in STYLES.items() if style.recognised])
def test_in_parts(name: str, origins: dict[str, str], tmp_path: Path) -> None:
    """The same rows come page by page, and in a Parquet file."""
    style = STYLES[name]
    url = origins[style.program] + style.path.format(size=25)
    frames = list(nbauth.pages(url, profile="servers", params=style.params))
    assert [len(frame) for frame in frames] == [10, 10, 5]
    assert _expected(25) == [row for frame in frames for row in _rows(frame)]
    written = _read(style, origins, 25, to=tmp_path / "rows.parquet")
    assert len(pd.read_parquet(written)) == 25


def test_the_token_is_asked_for(origins: dict[str, str]) -> None:
    """A server that asks for a bearer token refuses others: it was sent with each page."""
    import requests

    url = origins["rest_framework_server.py"] + "/number/rows25"
    assert requests.get(url, timeout=30).status_code == 401
    assert len(nbauth.read(url, profile="servers")) == 25


def test_an_error_of_the_server(origins: dict[str, str]) -> None:
    """What the server says about a wrong request is in the error."""
    with pytest.raises(ApiError, match=r"404.*Invalid page"):
        nbauth.read(origins["rest_framework_server.py"] + "/number/rows25?page=99", profile="servers")
    with pytest.raises(ApiError, match=r"400.*nonsense"):
        nbauth.read(origins["odata.js"] + "/odata/rows25?$filter=nonsense eq 1", profile="servers")
