"""Services as their documentation shows them: a file of `answers/` each, which is read and played.

A file says

    title, source      what it is, and where it stands
    call               the arguments of `nbauth.read`; `paging` as {"style": "Offset", …} for a style
    answers            the API's answers, the first that fits: `method`, `path`, `query`, `query_has` (a part of the
                       value), `body` (paths with dots) and `headers` are what a request must have, all optional;
                       `answer` (JSON) or `text` with `charset`, `content_type`, `status` and `answer_headers` are
                       what it gets
    one_page           the same, where everything fits into one answer: its `answers` and `rows`
    rows               the rows that come; or
    error, says        the class of the error that comes, and what it says
    warns              what a warning says, if one comes
    dtypes             of the columns that are named, the dtypes
    by_page            true where only its page in `docs` can say how it is read, as by a function
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import pandas as pd
from played_api import Answer

from nbauth.data import paging

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from played_api import Asked

__all__ = ["ANSWERS", "Documented", "Service", "documented", "records_of"]

ANSWERS = sorted((Path(__file__).parent / "answers").glob("*.json"))


@dataclass(frozen=True)
class Documented:
    """What is known of one request, and what it brings.

    Attributes:
        name: the file's.
        call: the arguments of `nbauth.read`.
        answers: the API's.
        rows: what comes; None where it is an error.
        error: the class of the error.
        says: what the error says.
        warns: what a warning says, if one comes.
        dtypes: of some columns.
        by_page: whether only its page in `docs` can say how it is read.
    """

    name: str
    call: Mapping[str, Any]
    answers: Sequence[Mapping[str, Any]]
    rows: list[dict[str, Any]] | None
    error: str | None = None
    says: Sequence[str] = ()
    warns: str | None = None
    dtypes: Mapping[str, str] = field(default_factory=dict)
    by_page: bool = False

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments, as Python has them."""
        given = dict(self.call)
        if isinstance(given.get("paging"), dict):
            options = dict(given["paging"])
            given["paging"] = getattr(paging, options.pop("style"))(**options)
        return given

    @property
    def url(self) -> str:
        """Where it is."""
        return str(self.call["url"])


def documented(file: Path) -> dict[str, Documented]:
    """Return what a file says: one by the file's name, and one more where one page is another case."""
    content = json.loads(file.read_text(encoding="utf-8"))
    common = {key: content[key] for key in ("error", "says", "warns", "dtypes", "by_page") if key in content}
    cases = {file.stem: Documented(file.stem, content["call"], content["answers"], content.get("rows"), **common)}
    if "one_page" in content:
        one = content["one_page"]
        name = f"{file.stem}, one page"
        cases[name] = Documented(name, content["call"], one["answers"], one["rows"], dtypes=content.get("dtypes", {}))
    return cases


class Service:
    """Answers requests as it is documented.

    Args:
        cases: what is known.

    Attributes:
        asked: the requests, as they came.
        met: the cases that answered.
    """

    def __init__(self, *cases: Documented) -> None:
        self._cases = cases
        self.asked: list[Asked] = []
        self.met: list[Documented] = []

    def __call__(self, asked: Asked) -> Answer:
        """Answer with the first answer that fits."""
        self.asked.append(asked)
        for case in self._cases:
            here = unquote(urlsplit(case.url).path)
            for answer in case.answers:
                method = answer.get("method", "POST" if "json" in case.call else "GET")
                if method == asked.method and answer.get("path", here) == unquote(asked.path) and _fits(answer, asked):
                    self.met.append(case)
                    content = (
                        answer["text"].encode(answer.get("charset", "utf-8"))
                        if "text" in answer
                        else answer.get("answer")
                    )
                    return Answer(
                        content,
                        answer.get("status", 200),
                        answer.get("answer_headers", {}),
                        answer.get("content_type", "application/json"),
                    )
        return Answer({"error": {"code": "NotFound", "message": "no such request is documented"}}, 404)


def records_of(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a frame's rows as JSON has them: times and decimals as text, gaps as None."""
    return [{name: _plain(value) for name, value in row.items()} for row in frame.astype(object).to_dict("records")]


def _plain(value: Any) -> Any:
    if isinstance(value, (list, dict)):
        return value
    if isinstance(value, Decimal):
        return str(value)
    if value is None or value is pd.NA or value is pd.NaT or value != value:  # noqa: PLR0124 - NaN
        return None
    return value.isoformat() if hasattr(value, "isoformat") else value


def _fits(answer: Mapping[str, Any], asked: Asked) -> bool:
    given = {
        "query": asked.query,
        "headers": {name.lower(): value for name, value in asked.headers.items()},
        "body": asked.body,
    }
    if not all(part in asked.query.get(name, "") for name, part in answer.get("query_has", {}).items()):
        return False
    return all(
        _at(given[part], name.lower() if part == "headers" else name) == value
        for part in given
        for name, value in answer.get(part, {}).items()
    )


def _at(value: Any, path: str) -> Any:
    if isinstance(value, dict) and path in value:
        return value[path]
    first, _, rest = path.partition(".")
    return _at(value.get(first), rest) if rest and isinstance(value, dict) else None
