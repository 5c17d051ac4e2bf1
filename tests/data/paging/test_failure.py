"""Answers with HTTP 200 that are errors, in the forms that services document, and good ones that look alike."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from loads import pages, read
from loopback_api import Reply, as_json
from page_responses import page_response

from nbauth.data.paging.detect import detect, failed, rows_in
from nbauth.data.paging.envelope import Envelope
from nbauth.data.paging.styles.auto import Auto
from nbauth.errors import ApiError, AssumptionWarning, PaginationError

if TYPE_CHECKING:
    from loopback_api import Seen, Server

    from nbauth.data.fetch.session import Session

pytestmark = pytest.mark.usefixtures("engine")

ROWS = [{"id": 1}, {"id": 2}]
_SHARDS = {"total": 2, "successful": 1, "skipped": 0, "failed": 1, "failures": [{"reason": {"type": "timeout"}}]}
_HITS = {"total": {"value": 2}, "hits": ROWS}


def _error(document: Any, records: str | None = None, url: str = "https://api.example/v1/x") -> ApiError | None:
    """Return the error of a first answer, with or without rows."""
    envelope = Envelope(page_response(document, url), records)
    try:
        layout = detect(envelope, Auto())
        rows_in(envelope, layout)
    except ApiError as error:
        return error
    return failed(envelope, layout)


@pytest.mark.parametrize(
    ("document", "says"),
    [
        # https://developers.arcgis.com/rest/services-reference/enterprise/error-handling-with-services/
        ({"error": {"code": 498, "message": "Invalid token.", "details": []}}, "Invalid token. (498)"),
        ({"error": {"message": "stopped: took too long", "detail": "x"}, "status": "failure"}, "took too long"),
        ({"ok": False, "error": "invalid_auth"}, "invalid_auth"),  # https://docs.slack.dev/apis/web-api
        ({"success": False, "error": "rate limited", "data": [], "next_cursor": None}, "rate limited"),
        ({"success": False, "message": "No licence.", "data": {}}, "No licence."),
        ({"Success": "false", "ErrorMessage": "No licence."}, "No licence."),
        ({"status": "error", "message": "backend timeout"}, "backend timeout"),
        ({"stat": "fail", "code": 100, "message": "Invalid API Key"}, "Invalid API Key"),  # Flickr
        (
            {"status": "fail", "data": {"title": "A title is required"}},
            "status",
        ),  # https://github.com/omniti-labs/jsend
        ({"status": "error", "errorType": "bad_data", "error": "parse error"}, "parse error"),  # Prometheus
        ({"status": "OVER_QUERY_LIMIT", "error_message": "Quota exceeded.", "results": []}, "Quota exceeded."),
        ({"code": 401, "message": "Log in first."}, "Log in first."),
        ({"type": "about:blank", "title": "Gone", "status": 410, "detail": "It moved."}, "It moved."),  # RFC 9457
        ({"errcode": 40001, "errmsg": "invalid credential"}, "invalid credential"),
        ({"message": "API rate limit exceeded for 203.0.113.9", "documentation_url": "https://x"}, "rate limit"),
        ({"jsonrpc": "2.0", "id": 1, "error": {"code": -32601, "message": "Method not found"}}, "Method not found"),
        ({"kind": "Status", "metadata": {}, "status": "Failure", "message": "Forbidden", "code": 403}, "Forbidden"),
        ({"object": "error", "status": 429, "code": "rate_limited", "message": "Slow down"}, "Slow down"),  # Notion
        ({"type": "error", "error": {"type": "overloaded", "message": "Overloaded"}}, "Overloaded"),
        (
            {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "diagnostics": "Unknown code"}]},
            "resourceType",  # FHIR
        ),
        ({"errors": [{"status": "422", "title": "Invalid", "detail": "Too short."}]}, "Too short."),  # JSON:API
        ({"data": None, "errors": [{"message": "shard down"}]}, "shard down"),
        ({"data": {"things": ROWS}, "errors": [{"message": "shard down", "path": ["things", 3]}]}, "shard down"),
        ({"odata.error": {"code": "5", "message": {"lang": "en", "value": "No such list."}}}, "No such list. (5)"),
        ({"@odata.context": "x#y", "value": ROWS, "error": {"code": "", "message": "Broke off."}}, "Broke off."),
        # https://learn.microsoft.com/azure/azure-monitor/logs/api/errors and Power BI's executeQueries
        ({"tables": [{"name": "P", "columns": [], "rows": []}], "error": {"message": "partial"}}, "partial"),
        (
            {
                "results": [
                    {"tables": [{"rows": ROWS, "error": {"code": "E", "details": [{"detail": {"value": "Cut."}}]}}]}
                ]
            },
            "Cut. (E)",
        ),
        ({"results": [{"error": {"code": "E", "details": [{"detail": {"value": "Bad DAX"}}]}}]}, "Bad DAX (E)"),
        ({"Tables": [{"Rows": []}], "Exceptions": ["E_QUERY_RESULT_SET_TOO_LARGE"]}, "E_QUERY_RESULT_SET"),  # Kusto v1
        ({"statement_id": "s", "status": {"state": "FAILED", "error": {"message": "No table"}}}, "No table"),
        ([{"message": "Session expired", "errorCode": "INVALID_SESSION_ID"}], "Session expired (INVALID_SESSION_ID)"),
        ({"preview": False, "messages": [{"type": "FATAL", "text": "No index"}], "results": []}, "No index"),  # Splunk
        ({"results": [{"statement_id": 0, "error": "no such database"}]}, "no such database"),  # InfluxDB 1
        ({"status": "REQUEST_NOT_PROCESSED", "message": ["Daily threshold."], "Results": {}}, "Daily threshold."),
        ({"elements": ROWS, "generator": "Overpass", "remark": "runtime error: out of memory"}, "out of memory"),
        ({"meta": {"httpStatus": "401", "error": {"errorMessage": "No such token."}}}, "No such token."),
        ({"Fault": {"Error": [{"Message": "Bad", "code": "610"}], "type": "ValidationFault"}}, "Bad (610)"),
        ({"code": -1121, "msg": "Invalid symbol."}, "Invalid symbol."),
        ({"result": None, "error": {"code": 5, "message": "No method"}, "id": 1}, "No method (5)"),  # JSON-RPC 1
        ({"code": 40101, "msg": "Bitte anmelden", "data": None}, "Bitte anmelden"),
        ({"success": 0, "message": "No key."}, "No key."),
        ({"hasErrors": True, "messages": None, "message": "Bad key."}, "Bad key."),
        ({"detail": "Authentication credentials were not provided; access denied."}, "access denied"),
        ({"response": {"header": {"resultCode": "22", "resultMsg": "TOO MANY REQUESTS ERROR."}}}, "TOO MANY REQUESTS"),
        ({"status": {"error_code": 1001, "error_message": "Invalid key.", "notice": None}}, "Invalid key."),
        ({"meta": {"code": 400, "errorDetail": "Missing access credentials"}, "response": {}}, "Missing access"),
        ({"_shards": {"failed": 0}, "_clusters": {"total": 2, "failed": 1}, "hits": _HITS}, "_clusters.failed"),
        ({"timed_out": False, "_shards": _SHARDS, "hits": _HITS}, "a part of its rows (_shards.failed)"),
        ({"incompleteSearch": True, "files": ROWS}, "a part of its rows (incompleteSearch)"),
        # Objects that are nothing but an error.
        ({"error": "no"}, "no"),
        ({"error": {"code": 7, "message": "x"}}, "x (7)"),
        ({"code": 7, "message": "x"}, "x (7)"),
        ({"message": "You are not signed in.", "code": "E401", "data": None}, "You are not signed in. (E401)"),
        ({"Code": "AuthFailure", "Message": "No such key", "RequestId": "r"}, "No such key (AuthFailure)"),  # AWS
        ({"code": "invalid_key", "message": "No such key", "details": [{"x": 1}]}, "No such key (invalid_key)"),
        (
            {"type": "https://x/probs/out-of-credit", "title": "No credit.", "detail": "Your balance is 30."},
            "Your balance is 30.",  # RFC 9457
        ),
    ],
)
def test_errors(document: Any, says: str) -> None:
    """An answer that says that it failed is an error with the service's own words, beside rows, too."""
    error = _error(document)
    assert error is not None
    assert says in str(error)
    assert error.status == 200


@pytest.mark.parametrize(
    "document",
    [
        {"value": ROWS, "error": None},
        {"data": ROWS, "errors": [], "error": "", "success": True, "status": "ok", "code": 0},
        {"data": ROWS, "errors": {}, "message": "No error", "errorCode": 0, "errorMessage": "OK"},
        {"errcode": 0, "errmsg": "ok", "list": ROWS},
        {"errno": 0, "errmsg": "Alles gut", "data": {"list": ROWS}},
        {"code": 200, "msg": "Alles gut", "data": None},
        {"code": 404, "message": "no data", "data": []},
        {"status": {"error_code": 0, "error_message": None, "notice": None}, "data": ROWS},
        {"response": {"header": {"resultCode": "00", "resultMsg": "NORMAL"}, "body": {"items": ROWS}}},
        {"description": "errors of the week", "items": []},
        {"meta": {"note": "limited to 100 rows"}, "results": []},
        {"failed": 2, "succeeded": 3, "jobs": ROWS},
        {"status": "success", "data": ROWS, "exceptions": None},
        {"status": "ZERO_RESULTS", "results": []},
        {"total": 0, "data": [], "message": "Nothing was found."},
        {"preview": False, "messages": [{"type": "INFO", "text": "x"}], "results": ROWS},
        {"messages": [{"id": "a", "type": "error"}], "resultSizeEstimate": 1},
        {"_shards": {"total": 1, "failed": 0}, "timed_out": False, "hits": _HITS},
        {"data": [{"status": "error", "error": "x"}, {"status": "failed"}]},
        [{"status": "error", "error": {"message": "x"}}],
        [{"message": "x", "errorCode": "A"}, {"message": "y", "errorCode": "B"}],
        # Single things, of which the members speak.
        {"id": 7, "status": "failed", "error": {"code": 5, "message": "x"}},
        {"id": 7, "success": False, "errors": ["x"]},
        {"data": {"id": 7, "status": "failed", "error": "x"}},
        {"kind": "Pod", "metadata": {"name": "p"}, "status": {"phase": "Failed", "message": "evicted"}},
        {"name": "nightly", "status": "failed", "took": 3},
        {"title": "Deployment", "state": "failed", "note": "x", "start": "2026-01-01"},
        {"name": "nightly", "status": "failed", "message": "exit 1", "host": "h"},
        {"total": 0, "items": [], "message": "No errors within the limit."},
        {"items": [], "message": "Limit of 100 rows applied."},
        {"name": "model", "error": 0.05},
        {"code": "DE", "name": "Germany"},
        {"message": "hello"},
        {"error": "no", "name": "a"},
        {"error": "none"},
        {"code": 20000, "message": "x", "data": {"a": 1}},
        {"code": 0, "message": "x"},
        {"code": "00000", "message": "x"},
        {"code": "SUCCESS", "message": "x"},
        {"code": 7, "message": "Done."},
        {"code": "DE", "message": "x", "price": 3},
        {"id": 3, "code": "A", "message": "x"},
        {"type": "book", "title": "Dune", "detail": "paperback"},
    ],
)
def test_no_errors(document: Any) -> None:
    """Empty members for errors, rows that tell of errors, and single things that failed are no errors of the answer."""
    assert _error(document) is None


@pytest.mark.parametrize("kind", ["application/problem+json", "Application/Problem+JSON; charset=utf-8"])
@pytest.mark.parametrize(
    "document", [{"title": "No credit."}, {"title": "No credit.", "id": 7}, {"title": "No credit.", "accounts": ROWS}]
)
def test_media_type_of_errors(session: Session, api: Server, kind: str, document: Any) -> None:
    """What comes as a problem is an error, whatever its status and its members (RFC 9457)."""
    api.routes["/x"] = Reply(json.dumps(document).encode(), content_type=kind)
    with pytest.raises(ApiError, match=r"with an error \(Content-Type\): No credit"):
        read(session, f"{api.origin}/x")


def test_errors_that_were_asked_for() -> None:
    """Rows that are called errors are rows, where the URL or the caller says so."""
    errors = {"errors": [{"id": 1, "message": "x"}], "total": 1}
    assert _error(errors) is not None
    assert _error(errors, url="https://api.example/v1/errors") is None
    assert _error(errors, "errors") is None
    assert _error({"status": "failed", "message": "x"}, "") is None


def test_what_to_do_next() -> None:
    """A token that was not accepted is said so; else it is said how such an answer becomes a row."""
    refused = _error({"error": {"code": 498, "message": "Invalid token."}})
    assert "login" in str(refused and refused.next_step)
    other = _error({"status": "error", "message": "x"})
    assert 'records=""' in str(other and other.next_step)


_COLUMNS = [{"ColumnName": "id", "ColumnType": "long"}]
_SAID = {"code": "LimitsExceeded", "message": "Request is invalid.", "@message": "The limits are exceeded."}
_BEHIND = {"OneApiErrors": [{"error": _SAID}]}
_FRAME = {"FrameType": "DataTable", "TableKind": "PrimaryResult", "Columns": _COLUMNS}
_PARTIAL_ERROR = {
    "code": "PartialError",
    "message": "There were some errors.",
    "details": [
        {"code": "EngineError", "message": "It went wrong.", "innererror": {"message": "64 MB are the limit."}}
    ],
}


@pytest.mark.parametrize("how", [read, pages])
@pytest.mark.parametrize(
    ("document", "says"),
    [
        # https://learn.microsoft.com/kusto/api/rest/response-v2, "The meaning of HasErrors"
        (
            [{**_FRAME, "Rows": [[1], [2], _BEHIND]}, {"FrameType": "DataSetCompletion", "HasErrors": True, **_BEHIND}],
            "The limits are exceeded",
        ),
        ([{**_FRAME, "Rows": [[1], [2], _BEHIND]}], "The limits are exceeded"),
        (
            [
                {**_FRAME, "FrameType": "TableHeader", "TableId": 1},
                {"FrameType": "TableFragment", "TableId": 1, "Rows": [[1], [2], _BEHIND]},
            ],
            "The limits are exceeded",
        ),
        # https://learn.microsoft.com/kusto/api/rest/response-http
        ({"Tables": [{"TableName": "T", "Columns": _COLUMNS, "Rows": [[1], [2], {"Exceptions": ["Cut."]}]}]}, "Cut."),
        # https://learn.microsoft.com/azure/azure-monitor/logs/api/errors
        (
            {"tables": [{"name": "T", "columns": [{"name": "id"}], "rows": [[1], [2]]}], "error": _PARTIAL_ERROR},
            "There were some errors. 64 MB are the limit. .PartialError.",
        ),
    ],
)
def test_errors_behind_rows(session: Session, api: Server, how: Any, document: Any, says: str) -> None:
    """An error that stands behind a table's rows is one with the innermost service's words, and leaves the rows."""
    api.routes["/x"] = as_json(document)
    with pytest.raises(ApiError, match=says) as caught:
        list(how(session, f"{api.origin}/x"))
    if how is read:
        assert caught.value.partial.to_dict("records") == ROWS


_FIRST = {"status": "ok", "message": "", "error": None, "items": ROWS, "next_cursor": "c2"}


@pytest.mark.parametrize("named", [{}, {"records": "items"}])
@pytest.mark.parametrize(
    "later",
    [
        {"status": "error", "message": "backend timeout"},
        {"status": "error", "message": "backend timeout", "items": []},
        {"id": 1, "status": "failed", "error": "backend timeout", "items": None},
        {"message": "backend timeout"},
        {"message": "backend timeout", "items": None, "next_cursor": None},
        {"error": "backend timeout", "items": [], "next_cursor": "c2"},
    ],
)
def test_later_errors(session: Session, api: Server, named: dict[str, Any], later: dict[str, Any]) -> None:
    """An error on a later page is no end, and carries the rows before it."""

    def answer(seen: Seen) -> Reply:
        return as_json(later if "cursor=" in seen.path else _FIRST)

    api.routes["/x"] = answer
    with pytest.raises(ApiError, match=r"with an error .*backend timeout") as caught:
        read(session, f"{api.origin}/x", **named)
    assert caught.value.partial.to_dict("records") == ROWS


def test_rows_beside_an_error(session: Session, api: Server) -> None:
    """The rows that came with an error are in it; an empty page before the total stays an error of paging."""
    api.routes["/x"] = as_json({"data": {"things": ROWS}, "errors": [{"message": "shard down"}]})
    with pytest.raises(ApiError, match="shard down") as caught:
        read(session, f"{api.origin}/x")
    assert caught.value.partial.to_dict("records") == ROWS
    counted = {"success": True, "data": ROWS, "offset": 0, "limit": 2, "total": 5}
    empty = {"success": False, "error": "slow down", "data": [], "offset": 2, "limit": 2, "total": 5}
    api.routes["/x"] = lambda seen: as_json(empty if "offset=2" in seen.path else counted)
    with pytest.raises(PaginationError):
        read(session, f"{api.origin}/x")


@pytest.mark.parametrize("last", [{"items": None}, {"items": []}, {}, {"message": "No more items.", "items": None}])
def test_an_end_without_rows(session: Session, api: Server, last: dict[str, Any]) -> None:
    """A later page without rows is the end, where nothing says that it failed."""
    api.routes["/x"] = lambda seen: as_json(last if "cursor=" in seen.path else _FIRST)
    assert read(session, f"{api.origin}/x").to_dict("records") == ROWS


@pytest.mark.parametrize(
    ("warnings", "says"),
    [
        (["results truncated due to limit"], "results truncated"),
        ([{"code": "W1", "message": "No such column."}], "No such column. .W1."),
        ({"main": {"*": "Unrecognized parameter."}}, "Unrecognized parameter"),
        ("Old data.", "Old data."),
    ],
)
def test_warnings(session: Session, api: Server, warnings: Any, says: str) -> None:
    """What an answer warns of is passed on; its rows are good."""
    api.routes["/x"] = as_json({"status": "success", "warnings": warnings, "data": ROWS})
    with pytest.warns(AssumptionWarning, match=f"warns of its answer.*{says}"):
        assert read(session, f"{api.origin}/x").to_dict("records") == ROWS
    for nothing in ([], None, {}, ""):
        api.routes["/x"] = as_json({"warnings": nothing, "warningMessages": [], "data": ROWS})
        assert read(session, f"{api.origin}/x").to_dict("records") == ROWS
