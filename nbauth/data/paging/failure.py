"""Whether an answer is an error although its HTTP status is none, and what the service says of it.

Many services do that: ArcGIS and Slack for any error, GraphQL and Log Analytics beside the part of the rows that they
have, Power BI inside its results, Elasticsearch by a count of shards that failed. What is said of a row is no error of
the answer, and nothing in the rows is looked at: a list of jobs that failed is a good answer, and so is one of them,
which has an ``id``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nbauth.data.paging.failure_signs import (
    FLAGS,
    LISTED,
    NOTED,
    PROBLEMS,
    SAID,
    TOLD,
    holds_error,
    is_bad,
    is_error_alone,
    is_problem,
    is_severe,
    says_failure,
    says_something,
    words_in,
)
from nbauth.data.paging.names import ROWS, is_of_envelope, is_wrapper, plain
from nbauth.data.paging.page_response import MISSING, whole_number
from nbauth.data.paging.row_places import has_id
from nbauth.data.paging.tables import kusto
from nbauth.errors import ApiError
from nbauth.net.origins import redact_url
from nbauth.net.sanitize import clean
from nbauth.next_step import Login, NextStep

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from nbauth.data.paging.envelope import Envelope
    from nbauth.data.parse.lazy_json import Node

__all__ = ["failure_of"]

# Objects that speak of the answer, besides those around its rows.
_HEADERS = frozenset({"responseheader", "header", "meta", "shards", "clusters"})
_OF_ANSWER = _HEADERS | {"status", "response", "result", "data", "d"}
_ONE_RESULT = frozenset({"error", "errors", "statementid"})
_NOT_SIGNED_IN = (401, 498, 499)  # the last two are ArcGIS's
_INCOMPLETE = frozenset({"incompletesearch"})  # Google Drive's; what else says so, `more` knows
_OF_RPC = frozenset({"jsonrpc", "id", "result", "error"})  # whose id is the request's
_DEEPEST = 4
_BEGIN = ("err", "fault", "exception", "odataerror", "oneapierrors")
_OF_CODES = ("errcode", "errorcode", "errno", "code", "resultcode", "returncode", "retcode", "error")
_PARTS_FAILED = ("shards.failed", "clusters.failed")  # Elasticsearch's
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
    has_rows = envelope.has_rows(rows_path)
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


@dataclass(frozen=True)
class _Around:
    """What the members around one say.

    Attributes:
        words: the text among them.
        speaks: whether they speak of the answer, or words among them do.
        is_sure: whether they speak of the answer, and not of a thing that is a row.
        is_void: whether null is where data would be, and words beside it.
        is_well: whether a code says that all is well.
    """

    words: str | None
    speaks: bool
    is_sure: bool
    is_void: bool
    is_well: bool


class _Answer:
    def __init__(self, envelope: Envelope, rows_path: str | None, *, may_be_row: bool, has_rows: bool) -> None:
        self._envelope = envelope
        self._rows_path = rows_path
        self._has_rows = has_rows
        self._has_list = envelope.is_list(rows_path)
        self._is_page = has_rows or not may_be_row

    def signs(self) -> Iterator[_Sign]:
        document = self._envelope.response.document
        if document.is_list:
            yield from _of_array(document)
            return
        if (words := kusto.errors(document)) is not None:
            yield _Sign("Exceptions", words, is_part=True)
        if _is_of_problems(self._envelope):
            yield _Sign("Content-Type", document.value())
        for path, members in self._places(document):
            yield from self._in(path, members)

    def _places(self, document: Node) -> Iterator[tuple[str, Mapping[str, Node]]]:
        """Yield the objects that speak of the answer: the whole, those around the rows, and some beside them."""
        above = (self._rows_path or "").split(".")[:-1]
        around = {".".join(above[: count + 1]) for count in range(len(above))}
        for path in around:  # some lead through lists
            node = self._envelope.node(path)
            if node is not None and node.is_object and path.rpartition(".")[2].isdecimal():
                yield f"{path}.", node.members()
        waiting = [("", document)]
        for path, node in waiting:
            members = node.members()
            yield path, members
            for name, member in members.items():
                if member.is_object and self._speaks(path + name, name, member, around):
                    waiting.append((f"{path}{name}.", member))
                elif name == "results" and member.may_begin_with(("error", "errors")) and path + name not in around:
                    inner = next(iter(member.items()))  # Power BI's and InfluxDB's
                    if {plain(one) for one in inner.members()} <= _ONE_RESULT:
                        waiting.append((f"{path}{name}.0.", inner))

    def _speaks(self, path: str, name: str, node: Node, around: AbstractSet[str]) -> bool:
        """Tell whether an object inside the answer speaks of it."""
        if path in around or plain(name) in _HEADERS:
            return True
        if path.count(".") >= _DEEPEST or not (plain(name) in _OF_ANSWER or is_wrapper(name)):
            return False
        members = node.members()
        return not has_id(members) and all(
            is_of_envelope(one) or (inner.is_object and (is_wrapper(one) or plain(one) in _HEADERS))
            for one, inner in members.items()
        )

    def _in(self, path: str, members: Mapping[str, Node]) -> Iterator[_Sign]:
        keys = {name: plain(name) for name in members}
        words = self._words(path, keys, SAID)
        is_bare = all(is_of_envelope(name) or _is_no_thing(name, node) for name, node in members.items())
        of_all = _Around(
            words,
            speaks=bool(self._words(path, keys, TOLD) or is_bare or path or self._is_page),
            is_sure=bool(is_bare or path or self._is_page),
            is_void=bool(words and is_bare) and any(key in ROWS and members[n].is_null for n, key in keys.items()),
            is_well=any(key in _OF_CODES and self._envelope.number(path + n) == 0 for n, key in keys.items()),
        )
        for name, key in keys.items():
            if path + name != self._rows_path and not (key in LISTED and self._is_called(name)):
                yield from self._of_member(path + name, key, members[name], of_all)
        told = self._words(path, keys, TOLD if self._has_list else (*TOLD, *NOTED))
        has_list, is_of_error = self._has_list, plain(self._rows_path or "") == "details"
        if not path and (is_of_error or not (self._is_page or has_list)) and self._is_alone(keys, members):
            yield _Sign(next(iter(members)), {name: node.value() for name, node in members.items()})
        if told and is_bare and not (has_list if path else self._has_rows) and is_bad(told, has_list=has_list):
            yield _Sign(path + "message", told)

    def _of_member(self, path: str, key: str, node: Node, around: _Around) -> Iterator[_Sign]:
        if key in _INCOMPLETE or (key == "failed" and path.endswith(_PARTS_FAILED)):
            if self._scalar(path) is True or (self._envelope.number(path) or 0) > 0:
                yield _Sign(path, around.words, is_part=True)
        elif key == "messages" and node.may_begin_with(("type", "severity", "level")):
            yield from (_Sign(path, one) for one in self._decoded(path)[:10] if is_severe(one))  # Splunk's
        elif key.startswith(_BEGIN) and key not in FLAGS:
            value = self._decoded(path)
            if holds_error(key, value, has_words=around.speaks, is_well=around.is_well):
                yield _Sign(path, around.words if around.words and _is_poor(value) else value)
        elif key in FLAGS and around.speaks and not node.is_list and not node.is_object:
            seen = {"has_list": self._has_list, "has_rows": self._has_rows, "is_void": around.is_void}
            if says_failure(key, self._scalar(path), is_sure=around.is_sure, **seen):
                yield _Sign(path, around.words)

    def _is_alone(self, keys: Mapping[str, str], members: Mapping[str, Node]) -> bool:
        """Tell whether an object is nothing but an error."""
        if any(key in ROWS and not _is_void(members[name]) for name, key in keys.items()):
            return False
        said = {key: self._scalar(name) for name, key in keys.items()}
        return is_error_alone(said) or is_problem(said)

    def _is_called(self, name: str) -> bool:
        """Tell whether a list of errors is what was asked for."""
        return self._envelope.place.path == name and self._envelope.place.is_known

    def _scalar(self, path: str) -> Any:
        value = self._envelope.value(path)
        return None if value is MISSING or hasattr(value, "members") else value

    def _decoded(self, path: str) -> Any:
        value = self._envelope.value(path)
        return value.value() if hasattr(value, "members") else None if value is MISSING else value

    def _words(self, path: str, keys: Mapping[str, str], wanted: Sequence[str]) -> str | None:
        """Return the text that is said of the answer, or several."""
        said = {key: path + name for name, key in keys.items() if key in wanted}
        texts = (self._decoded(said[key]) for key in wanted if key in said)
        texts = ("; ".join(filter(says_something, text[:3])) if isinstance(text, list) else text for text in texts)
        return next(filter(says_something, texts), None)


def _is_no_thing(name: str, node: Node) -> bool:
    """Tell whether a member holds nothing, or an object that may tell of the error, such as JSend's ``data``."""
    if node.is_object:
        return not node.members() or (is_wrapper(name) and not has_id(node.members()))
    return _is_void(node)


def _is_void(node: Node) -> bool:
    return node.is_null or (node.is_object and not node.members()) or (node.is_list and node.is_empty)


def _is_of_problems(envelope: Envelope) -> bool:
    """Tell whether the media type is one of errors (RFC 9457)."""
    return envelope.response.headers.get("Content-Type", "").partition(";")[0].strip().lower() in PROBLEMS


def _is_row(envelope: Envelope) -> bool:
    place = envelope.place
    return place.has_id and not _is_of_problems(envelope) and not place.is_page and not envelope.members <= _OF_RPC


def _is_poor(value: Any) -> bool:
    """Tell whether a value says less than a text beside it: a code, or a truth value."""
    return not isinstance(value, (dict, list)) and not (isinstance(value, str) and " " in value)


def _of_array(document: Node) -> Iterator[_Sign]:
    """Yield Salesforce's error, an array of one object with a message and a code; the World Bank's; and Kusto's."""
    if document.may_begin_with(("message",)) and document.count() == 1:
        error = document.value()[0]
        if error.keys() == {"message"} and isinstance(error["message"], list):
            yield _Sign("message", error["message"])
    if (words := kusto.errors(document)) is not None:
        yield _Sign("HasErrors", words, is_part=True)
    if document.may_begin_with(("errorCode",)) and document.count() == 1:
        error = document.value()[0]
        if error.keys() <= {"message", "errorCode", "fields"} and error.get("message"):
            yield _Sign("errorCode", error)


def _next_step(words: Any, *, may_be_row: bool) -> NextStep | str | None:
    code = words.get("code") if isinstance(words, dict) else None
    if whole_number(code) in _NOT_SIGNED_IN:
        return NextStep(("The token was not accepted: check the scopes in the profile's apis, then run: ", Login()))
    return 'If it is what you want to read, say records="", which makes it a row.' if may_be_row else None
