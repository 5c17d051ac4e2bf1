"""Whether an answer is an error although its HTTP status is none, and what the service says of it.

Many services do that: ArcGIS and Slack for any error, GraphQL and Log Analytics beside the part of the rows that they
have, Power BI inside its results, Elasticsearch by a count of shards that failed. What is said of a row is no error of
the answer, and nothing in the rows is looked at: a list of jobs that failed is a good answer, and so is one of them,
which has an ``id``.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nbauth.data.paging.names import is_of_envelope, is_wrapper, plain
from nbauth.data.paging.page_response import MISSING, whole_number
from nbauth.data.paging.row_places import has_id
from nbauth.data.paging.tables import kusto
from nbauth.errors import ApiError
from nbauth.net.origins import redact_url
from nbauth.net.sanitize import clean
from nbauth.next_step import Login, NextStep

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from nbauth.data.paging.envelope import Envelope
    from nbauth.data.parse.lazy_json import Node

__all__ = ["failure_of", "words_in"]

# Members that are there, or hold something, for an error alone.
_ERRORS = frozenset({
    "error", "odataerror", "fault", "exception", "errors", "errormessages", "exceptions", "oneapierrors", "errorlist",
    "errormessage", "errormsg", "errmsg", "errordescription", "errortext", "errorcode", "errcode", "errordetails",
    "errorresult", "errorinfo",
})  # fmt: skip
_CODES = frozenset({"errorcode", "errcode"})  # a number, which is 0 where all is well
_SUCCESS = frozenset({"success", "ok", "succeeded", "issuccess", "successful", "issuccessful", "isok"})
_STATES = frozenset({"status", "state", "stat", "result", "outcome", "responsestatus", "resultstatus"})
_FAILED = frozenset({"error", "errored", "fail", "failed", "failure", "fault", "exception", "ko", "nok", "notok"})
_NUMBERS = frozenset({"status", "statuscode", "code", "cod", "httpstatus", "httpstatuscode", "httpcode"})
_KINDS = frozenset({"type", "kind", "object", "resourcetype"})
_ERROR_KINDS = frozenset({"error", "errorresponse", "operationoutcome", "exception", "fault"})  # the third is FHIR's
_INCOMPLETE = frozenset({"incompletesearch"})  # Google Drive's; what else says so, `more` knows
_SAID = ("message", "msg", "errormessage", "errordescription", "detail", "reason", "description", "title", "remark",
         "note", "information")  # fmt: skip
_WORDS = (*_SAID, "text", "diagnostics", "faultstring", "errmsg", "info", "value", "error")
_FAILING = _SUCCESS | _NUMBERS | _STATES | _KINDS | {"remark"}
_LISTED = frozenset({"error", "errors", "exceptions", "errormessages"})
_NOTHING = frozenset({"", "0", "ok", "none", "no", "null", "false", "success", "noerror", "noerrors", "succeeded"})
_BAD = re.compile(
    r"error|fail|time[d-]?\s?out|exceed|denied|too many|limit|invalid|unable|cannot|can't|could not|unavailable|expired"
    r"|not allowed|unauthori|forbidden|refused|try again|exception|abort|throttl|frequency",
    re.IGNORECASE,
)
# As Google's Maps and the US Bureau of Labor Statistics say it, beside an empty list.
_REFUSED = re.compile(r"_(DENIED|ERROR|FAILED|LIMIT|EXCEEDED|NOT_PROCESSED)$|^(INVALID|UNKNOWN)_|^NOT_")
# Objects that speak of the answer, besides those around its rows.
_HEADERS = frozenset({"responseheader", "header", "meta", "shards", "clusters"})
_OF_ANSWER = _HEADERS | {"status", "response", "result", "data", "d"}
_ONE_RESULT = frozenset({"error", "errors", "statementid"})
_NOT_SIGNED_IN = (401, 498, 499)  # the last two are ArcGIS's
_CLIENT_ERRORS, _LAST_ERROR = 400, 599
_MOST_SHOWN = 300


@dataclass(frozen=True)
class _Sign:
    """What shows that an answer is an error."""

    path: str
    words: Any
    is_part: bool = False  # whether it is good, but not whole


def failure_of(envelope: Envelope, rows_path: str | None, *, may_be_row: bool) -> ApiError | None:
    """Return the error that an answer is, if it is one.

    Args:
        envelope: the answer's.
        rows_path: where its rows are; None where that is not known, and where it is a row itself or an array.
        may_be_row: whether it may be a row itself, which is no error where it has an id.
    """
    if envelope.named == "":  # the caller's word that all of it is a row
        return None
    node = None if rows_path is None else envelope.node(rows_path)
    has_rows = node is not None and node.is_list and not node.is_empty
    signs = list(_Answer(envelope, rows_path, may_be_row=may_be_row, has_rows=has_rows).signs())
    if not signs or (may_be_row and _is_row(envelope)):
        return None
    sign = next((one for one in signs if words_in(one.words)), signs[0])
    shown_url, said = redact_url(envelope.response.url), clean(words_in(sign.words), _MOST_SHOWN)
    what = "with a part of its rows" if sign.is_part else "with an error"
    message = f"{shown_url} answered {envelope.response.status} {what} ({sign.path})" + (f": {said}" if said else "")
    return ApiError(
        message if message.endswith((".", "!", "…")) else f"{message}.",
        status=envelope.response.status,
        url=shown_url,
        body=clean(json.dumps(sign.words, ensure_ascii=False, default=str)),
        next_step=_next_step(sign.words, may_be_row=may_be_row and not has_rows),
    )


class _Answer:
    def __init__(self, envelope: Envelope, rows_path: str | None, *, may_be_row: bool, has_rows: bool) -> None:
        self._envelope = envelope
        self._rows_path = rows_path
        self._has_rows = has_rows
        self._is_page = has_rows or not may_be_row

    def signs(self) -> Iterator[_Sign]:
        document = self._envelope.response.document
        if document.is_list:
            yield from _of_array(document)
            return
        for path, members in self._places(document):
            yield from self._in(path, members)

    def _places(self, document: Node) -> Iterator[tuple[str, Mapping[str, Node]]]:
        """Yield the objects that speak of the answer: the whole, those around the rows, and some others."""
        members = document.members()
        yield "", members
        above = (self._rows_path or "").split(".")[:-1]
        around = [".".join(above[: count + 1]) for count in range(len(above))]
        for path in around:
            node = self._envelope.node(path)
            if node is not None and node.is_object:
                yield f"{path}.", node.members()
        for name, node in members.items():
            if node.is_object and plain(name) in _OF_ANSWER and name not in around:
                inner = node.members()
                if plain(name) in _HEADERS or (not has_id(inner) and all(map(is_of_envelope, inner))):
                    yield f"{name}.", inner
            elif name == "results" and node.may_begin_with(("error", "errors")) and name not in around:
                inner = next(iter(node.items())).members()  # Power BI's and InfluxDB's
                if {plain(one) for one in inner} <= _ONE_RESULT:
                    yield f"{name}.0.", inner

    def _in(self, path: str, members: Mapping[str, Node]) -> Iterator[_Sign]:
        keys = {name: plain(name) for name in members}
        words = self._words(path, keys)
        is_bare = all(is_of_envelope(name) or _is_no_thing(name, node) for name, node in members.items())
        for name, key in keys.items():
            where = path + name
            if where == self._rows_path or (key in _LISTED and self._is_called(name)):
                continue
            if key in _ERRORS:
                value = self._decoded(where)
                if _is_error(value, key, has_words=bool(words) or is_bare):
                    yield _Sign(where, value if not words or not _is_poor(value) else words)
            elif key in _INCOMPLETE or (
                key == "failed" and where.endswith(("shards.failed", "clusters.failed"))
            ):  # Elasticsearch's
                if self._envelope.value(where) is True or (self._envelope.number(where) or 0) > 0:
                    yield _Sign(where, words, is_part=True)
            elif key == "messages" and members[name].may_begin_with(("type", "severity", "level")):
                yield from (_Sign(where, one) for one in self._decoded(where)[:10] if _is_severe(one))  # Splunk's
            elif self._fails(where, key) and (words or is_bare or path or self._is_page):
                yield _Sign(where, words)
        if words and is_bare and not self._has_rows and not path and _BAD.search(words):
            yield _Sign("message", words)

    def _is_called(self, name: str) -> bool:
        """Tell whether a list of errors is what was asked for."""
        return self._envelope.place.path == name and self._envelope.place.is_known

    def _decoded(self, path: str) -> Any:
        value = self._envelope.value(path)
        return value.value() if hasattr(value, "members") else None if value is MISSING else value

    def _words(self, path: str, keys: Mapping[str, str]) -> str | None:
        """Return the text that is said of the answer."""
        said = {key: path + name for name, key in keys.items() if key in _SAID}
        values = ((key, self._envelope.value(said[key])) for key in _SAID if key in said)
        texts = (self._decoded(said[key]) if hasattr(value, "members") else value for key, value in values)
        texts = ("; ".join(filter(_is_text, value[:3])) if isinstance(value, list) else value for value in texts)
        return next((value for value in texts if isinstance(value, str) and plain(value) not in _NOTHING), None)

    def _fails(self, path: str, key: str) -> bool:
        """Tell whether a member says in a word or a number that the answer is an error."""
        value = self._envelope.value(path) if key in _FAILING else None
        if key == "remark":  # Overpass's, beside a part of the rows
            return isinstance(value, str) and bool(_BAD.search(value))
        if key in _SUCCESS and (value is False or value == "false"):
            return True
        number = whole_number(value) if key in _NUMBERS else None
        if number is not None:
            return _CLIENT_ERRORS <= number <= _LAST_ERROR and not self._has_rows
        failed = _FAILED if key in _STATES else _ERROR_KINDS if key in _KINDS else ()
        if not isinstance(value, str):
            return False
        return plain(value) in failed or (key == "status" and not self._has_rows and bool(_REFUSED.search(value)))


def _is_no_thing(name: str, node: Node) -> bool:
    """Tell whether a member holds nothing, or an object that may tell of the error, such as JSend's ``data``."""
    if node.is_object:
        return not node.members() or (is_wrapper(name) and not has_id(node.members()))
    return node.is_null or node.is_empty


def _is_row(envelope: Envelope) -> bool:
    place = envelope.place
    return place.has_id and not place.is_page and "jsonrpc" not in envelope.members


def _is_severe(message: Any) -> bool:
    kinds = [message.get(name) for name in ("type", "severity", "level")] if isinstance(message, dict) else []
    return any(isinstance(kind, str) and kind.lower() in ("error", "fatal") for kind in kinds)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_error(value: Any, key: str, *, has_words: bool) -> bool:
    """Tell whether what a member for errors holds is one."""
    if isinstance(value, str):
        return plain(value) not in _NOTHING
    if type(value) in (bool, int):
        return bool(value) and (value is True or key in _CODES or key == "error") and has_words
    return bool(value) and not isinstance(value, float)


def _is_poor(value: Any) -> bool:
    """Tell whether a value says less than a text beside it: a code, or a truth value."""
    return not isinstance(value, (dict, list)) and not (isinstance(value, str) and " " in value)


def _of_array(document: Node) -> Iterator[_Sign]:
    """Yield Salesforce's error, an array of one object with a message and a code; the World Bank's; and Kusto's."""
    if document.may_begin_with(("message",)) and document.count() == 1:
        error = document.value()[0]
        if error.keys() == {"message"} and isinstance(error["message"], list):
            yield _Sign("message", error["message"])
    elif (words := kusto.errors(document)) is not None:
        yield _Sign("HasErrors", words, is_part=True)
    if document.may_begin_with(("errorCode",)) and document.count() == 1:
        error = document.value()[0]
        if error.keys() <= {"message", "errorCode", "fields"} and error.get("message"):
            yield _Sign("errorCode", error)


def words_in(value: Any) -> str:
    """Return the service's own words in a value."""
    if isinstance(value, dict):
        inner = {plain(name): part for name, part in value.items()}
        nested = [part for part in value.values() if isinstance(part, (dict, list)) or " " in str(part)]
        said = next(filter(None, map(words_in, [*(inner.get(name) for name in _WORDS), *nested])), "")
        code = inner.get("code", inner.get("errorcode"))
        code = "" if code is None or isinstance(code, (dict, list)) else str(code)
        return f"{said} ({code})" if said and code and code not in said else said or code
    if isinstance(value, list):
        return "; ".join(text for part in value[:3] if (text := words_in(part)))
    return value.strip() if isinstance(value, str) else ""


def _next_step(words: Any, *, may_be_row: bool) -> NextStep | str | None:
    code = words.get("code") if isinstance(words, dict) else None
    if whole_number(code) in _NOT_SIGNED_IN:
        return NextStep(("The token was not accepted: check the scopes in the profile's apis, then run: ", Login()))
    return 'If it is what you want to read, say records="", which makes it a row.' if may_be_row else None
