"""Answers that are not yet the data: the job behind them is asked for until it is done, and its result is read."""

from __future__ import annotations

import _thread
import threading
import time
from typing import TYPE_CHECKING, Any, ClassVar

import pandas as pd
import pytest
from loads import pages, read, write
from loopback_api import Reply, as_json, redirect

from nbauth.data.fetch.retry import Retries
from nbauth.errors import ApiError, AssumptionWarning, DataError, OriginNotAllowed, ReadInterrupted

if TYPE_CHECKING:
    from pathlib import Path

    from loopback_api import Seen, Server

    from nbauth.data.fetch.session import Session

ROWS = [{"id": 1, "name": "n1"}, {"id": 2, "name": "n2"}]
QUICK = Retries(longest_job_s=0.3, longest_unnamed_job_s=0.3)


def _accepted(document: Any = None, **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return (
        Reply(b"", 202, headers=named, content_type=None)
        if document is None
        else as_json(document, status=202, headers=named)
    )


def _ok(document: Any, status: int = 200, **headers: str) -> Reply:
    return as_json(document, status=status, headers={name.replace("_", "-"): value for name, value in headers.items()})


CSV = Reply(b"id,name\n1,n1\n2,n2\n", content_type="text/csv")
VALUE = _ok({"value": ROWS})
GONE = Reply(b"{}", 404)
RUNNING = {"status": "Running", "createdTimeUtc": "2023-09-13T14:56:18.477Z", "percentComplete": 25}
JOB = {"id": "j1", "status": "Succeeded", "startTime": "2026-01-01T00:00:00Z", "error": None}
STATEMENT = {"statement_id": "s1", "status": {"state": "PENDING"}}
CHUNK = {"manifest": {"format": "JSON_ARRAY", "total_row_count": 2}, "result": {"data_array": ROWS, "row_count": 2}}
BIGQUERY = {"kind": "bigquery#queryResponse", "jobReference": {"projectId": "p", "jobId": "b1", "location": "EU"}}
SNOWFLAKE = {
    "code": "333334",
    "message": "Asynchronous execution in progress.",
    "statementHandle": "h1",
    "statementStatusUrl": "/statements/h1?requestId=r",
}
OGC_LINKS = [{"rel": "http://www.opengis.net/def/rel/ogc/1.0/results", "href": "/jobs/o1/results"}]
SALESFORCE = {"id": "750", "operation": "query", "object": "Account", "state": "UploadComplete"}
GRAPH_EXPORT = {"@odata.context": "c", "id": "e1", "reportName": "Devices", "status": "notStarted", "url": None}

# What each URL answers, one after another; `read` asks for the first of them.
EXCHANGES: dict[str, dict[str, list[Reply]]] = {
    "GitHub's statistics": {"GET /x": [_accepted({}), _accepted({}), _ok(ROWS)]},
    "202 without a body, from the same URL": {"GET /x": [_accepted(), _ok(ROWS)]},
    "202 with an empty list": {"GET /x": [_accepted([]), _ok(ROWS)]},
    "202 with Location": {
        "GET /x": [_accepted(Location="/op/1")],
        "GET /op/1": [_accepted(Location="/op/2", Retry_After="0")],
        "GET /op/2": [_accepted(), VALUE],
    },
    "202 with Location, then a file": {"GET /x": [_accepted(Location="/op/1")], "GET /op/1": [_accepted(), CSV]},
    "202 with Location, then 303 to a file": {
        "POST /x": [_accepted(Location="/op/1")],
        "GET /op/1": [_accepted(), redirect("/file", 303)],
        "GET /file": [CSV],
    },
    "ARM: Azure-AsyncOperation with the output": {
        "POST /x": [_accepted(Azure_AsyncOperation="/op/1?api-version=1", Location="/result/1")],
        "GET /op/1": [_ok({"status": "InProgress"}), _ok({**JOB, "properties": {"output": {"value": ROWS}}})],
    },
    "ARM: Azure-AsyncOperation, then Location": {
        "POST /x": [_accepted(Azure_AsyncOperation="/op/1", Location="/result/1")],
        "GET /op/1": [_ok({"status": "InProgress"}), _ok(JOB)],
        "GET /result/1": [VALUE],
    },
    "ARM: Azure-AsyncOperation, then what was asked for": {
        "GET /x": [_accepted({"properties": {"provisioningState": "Creating"}}, Azure_AsyncOperation="/op/1"), VALUE],
        "GET /op/1": [_ok({"status": "Running"}), _ok({"status": "Succeeded"})],
    },
    "Operation-Location with resourceLocation": {
        "POST /x": [_accepted(Operation_Location="/op/1")],
        "GET /op/1": [_ok({"status": "NotStarted"}), _ok({**JOB, "resourceLocation": "/things"})],
        "GET /things": [VALUE],
    },
    "Operation-Location and 201 without a body": {
        "POST /x": [Reply(b"", 201, headers={"Operation-Location": "/op/1"}, content_type=None)],
        "GET /op/1": [_ok({"id": "j1", "status": "running"}), _ok({**JOB, "result": {"value": ROWS}})],
    },
    "Fabric: Location of the result": {
        "POST /x": [_accepted(Location="/operations/1", x_ms_operation_id="1", Retry_After="0")],
        "GET /operations/1": [
            _ok(RUNNING, Location="/operations/1"),
            _ok({**RUNNING, "status": "Succeeded"}, Location="/operations/1/result"),
        ],
        "GET /operations/1/result": [VALUE],
    },
    "Fabric: no Location of the result": {
        "POST /x": [_accepted(Location="/operations/1", x_ms_operation_id="1")],
        "GET /operations/1": [_ok(RUNNING), _ok({**RUNNING, "status": "Succeeded"})],
        "GET /operations/1/result": [VALUE],
    },
    "Databricks": {
        "POST /x": [_ok(STATEMENT)],
        "GET /x/s1": [
            _ok({**STATEMENT, "status": {"state": "RUNNING"}}),
            _ok({**STATEMENT, "status": {"state": "SUCCEEDED"}, **CHUNK}),
        ],
    },
    "BigQuery": {
        "POST /x": [_ok({**BIGQUERY, "jobComplete": False})],
        "GET /x/b1?location=EU": [
            _ok({**BIGQUERY, "jobComplete": False}),
            _ok({**BIGQUERY, "jobComplete": True, "totalRows": "2", "rows": ROWS}),
        ],
    },
    "Snowflake": {
        "POST /x": [_accepted(SNOWFLAKE)],
        "GET /statements/h1?requestId=r": [_accepted(SNOWFLAKE), _ok({"statementHandle": "h1", "data": ROWS})],
    },
    "Elasticsearch: rows that are not all": {
        "POST /x": [_ok({"id": "a", "is_partial": True, "is_running": True, "response": {"items": [{"id": 9}]}})],
        "GET /x/a": [_ok({"id": "a", "is_partial": False, "is_running": False, "response": {"items": ROWS}})],
    },
    "ES|QL": {
        "POST /x": [_ok({"id": "a", "is_running": True})],
        "GET /x/a": [_ok({"id": "a", "is_running": False, "values": ROWS})],
    },
    "Trino": {
        "POST /x": [_ok({"id": "q", "infoUri": "/ui", "nextUri": "/q/1", "stats": {"state": "QUEUED"}})],
        "GET /q/1": [_ok({"id": "q", "infoUri": "/ui", "nextUri": "/q/2", "stats": {"state": "RUNNING"}})],
        "GET /q/2": [_ok({"id": "q", "infoUri": "/ui", "data": ROWS, "stats": {"state": "FINISHED"}})],
    },
    "Athena's words": {
        "POST /x": [_ok({"QueryExecutionId": "q"})],
        "GET /x/q": [
            _ok({"QueryExecution": {"QueryExecutionId": "q", "Query": "…", "Status": {"State": "QUEUED"}}}),
            _ok({"QueryExecution": {"QueryExecutionId": "q", "Query": "…", "Status": {"State": "SUCCEEDED"}}}),
        ],
        "GET /x/q/result": [GONE],
        "GET /x/q/results": [VALUE],
    },
    "OGC API Processes": {
        "POST /x": [_ok({"jobID": "o1", "status": "accepted", "type": "process"}, 201, Location="/jobs/o1")],
        "GET /jobs/o1": [
            _ok({"jobID": "o1", "status": "running", "type": "process"}),
            _ok({"jobID": "o1", "status": "successful", "type": "process", "links": OGC_LINKS}),
        ],
        "GET /jobs/o1/results": [VALUE],
    },
    "Salesforce's Bulk API": {
        "POST /x": [_ok(SALESFORCE)],
        "GET /x/750": [
            _ok({**SALESFORCE, "state": "InProgress"}),
            _ok({**SALESFORCE, "state": "JobComplete", "retries": 0}),
        ],
        "GET /x/750/result": [GONE],
        "GET /x/750/results": [CSV],
    },
    "Graph: an export": {
        "POST /x": [_ok(GRAPH_EXPORT, 201)],
        "GET /x/e1": [
            _ok({**GRAPH_EXPORT, "status": "inProgress"}),
            _ok({**GRAPH_EXPORT, "status": "completed", "url": "/file"}),
        ],
        "GET /file": [CSV],
    },
    "Durable Functions": {
        "POST /x": [_accepted({"id": "d", "statusQueryGetUri": "/instances/d", "terminatePostUri": "/t"})],
        "GET /instances/d": [
            _accepted({"runtimeStatus": "Running", "output": None}),
            _ok({"runtimeStatus": "Completed", "output": ROWS, "createdTime": "2026-01-01T00:00:00Z"}),
        ],
    },
    "a job with a link of HAL": {
        "POST /x": [_ok({"jobId": "j", "state": "QUEUED", "_links": {"self": {"href": "/jobs/j"}}})],
        "GET /jobs/j": [
            _ok({"jobId": "j", "state": "RUNNING", "_links": {"self": {"href": "/jobs/j"}}}),
            _ok({"jobId": "j", "state": "DONE", "_links": {"results": {"href": "/jobs/j/rows"}}}),
        ],
        "GET /jobs/j/rows": [VALUE],
    },
    "a job in kebab case behind a GET": {
        "GET /x": [_ok({"job-id": "j", "job-status": "In Progress", "status-url": "/jobs/j"}, Retry_After="0")],
        "GET /jobs/j": [
            _ok({"job-id": "j", "job-status": "crunching"}),
            _ok({"job-id": "j", "job-status": "COMPLETE", "download-url": "/file"}),
        ],
        "GET /file": [CSV],
    },
    "a GET with a link to another address": {
        "GET /x": [_ok({"jobId": "j", "state": "QUEUED", "createdAt": "2026-01-01", "links": {"self": "/jobs/j"}})],
        "GET /jobs/j": [VALUE],
    },
    "a GET with Location": {
        "GET /x": [_ok({"queryId": "q", "state": "QUEUED"}, Location="/jobs/q")],
        "GET /jobs/q": [_ok({"queryId": "q", "state": "RUNNING"}), VALUE],
    },
    "a state alone, from the same URL": {"GET /x": [_ok({"status": "processing", "message": "Come back."}), VALUE]},
    "nothing, and a time to come back": {
        "GET /x": [
            Reply(b"", headers={"Retry-After": "0"}, content_type=None),
            Reply(b" ", headers={"Retry-After": "0"}),
            VALUE,
        ]
    },
    "202 and done, with a link": {
        "POST /x": [_accepted({"status": "done", "resultUrl": "/file"})],
        "GET /file": [CSV],
    },
    "a state and an empty list": {"GET /x": [_ok({"state": "queued", "rows": []}), _ok(ROWS)]},
    "a link to another part of the profile's origin": {
        "POST /x": [_accepted({"state": "queued", "href": "?job=7"}, Location="?job=7")],
        "GET /x?job=7": [_accepted(), VALUE],
    },
}

# Where the rows of those are, of whose documents another module tells.
RECORDS = {
    "Databricks": "result.data_array",
    "BigQuery": "rows",
    "Snowflake": "data",
    "Elasticsearch: rows that are not all": "response.items",
    "ES|QL": "values",
    "Trino": "data",
}


def _serve(api: Server, exchange: dict[str, list[Reply]]) -> Any:
    """Answer as an exchange says; return the body of its first request."""
    left = {name: list(replies) for name, replies in exchange.items()}

    def answer(seen: Seen) -> Reply:
        name = f"{seen.method} {seen.path}"
        replies = left.get(name) or left.get(name.partition("?")[0]) or [Reply(b'{"error": "nothing here"}', 404)]
        return replies.pop(0) if len(replies) > 1 else replies[0]

    api.routes.update({name.partition(" ")[2].partition("?")[0]: answer for name in exchange})
    return {"q": 1} if next(iter(exchange)).startswith("POST") else None


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("name", EXCHANGES)
def test_until_done(session: Session, api: Server, name: str) -> None:
    """Each form of a job is asked for by GET until it is done, and brings its rows with a token and nothing more."""
    body = _serve(api, EXCHANGES[name])
    frame = read(session, f"{api.origin}/x", json=body, records=RECORDS.get(name))
    assert frame.to_dict("records") == ROWS
    assert {seen.token for seen in api.seen} == {"token-1"}
    assert [seen.method for seen in api.seen[1:]] == ["GET"] * (len(api.seen) - 1)
    assert [seen.body for seen in api.seen[1:]] == [b""] * (len(api.seen) - 1)


def _state(form: str, word: str) -> Any:
    """Return a document with a state at a path."""
    document: Any = word
    for name in reversed(form.split(".")):
        document = {name: document}
    return document


@pytest.mark.parametrize(
    "form",
    [
        *("status", "State", "jobStatus", "job_state", "execution-status", "status.state", "status.status"),
        *("properties.status", "properties.provisioningState", "job.status", "Job.State", "query.state"),
    ],
)
@pytest.mark.parametrize(
    ("running", "done"),
    [("RUNNING", "SUCCEEDED"), ("InProgress", "Completed"), ("not-started", "done"), ("In Progress", "Finished")],
)
@pytest.mark.parametrize(
    "result",
    [
        {"results": ROWS},
        {"output": ROWS},
        {"result": {"rows": ROWS}},
        {"resultUrl": "/file"},
        {"links": {"result": "/file"}},
    ],
)
def test_each_spelling(session: Session, api: Server, form: str, running: str, done: str, result: Any) -> None:  # noqa: PLR0917
    """A state is known wherever it stands and however it is spelled; so is the result."""
    waits, ends = ({**_state(form, word), "jobId": "j1", "error": None} for word in (running, done))
    first, last = _ok({**waits, "percentComplete": 0}), _ok({**ends, **result})
    body = _serve(api, {"POST /x": [first], "GET /x/j1": [_ok(waits), last], "GET /file": [VALUE]})
    assert read(session, f"{api.origin}/x", json=body).to_dict("records") == ROWS


CONTROLS: dict[str, Reply] = {
    "an order": _ok({"id": 7, "status": "pending", "items": []}),
    "an order without a number": _ok({"customer": "c", "status": "pending"}),
    "a machine": _ok({"name": "m", "state": "running", "created": "2026-01-01"}),
    "a job that was asked for": _ok({"jobId": "x", "state": "QUEUED"}),
    "a machine with its own address": _ok({"name": "m", "status": "running", "url": "/machines/1"}),
    "a service that runs": _ok({"status": "running", "startedAt": "2026-01-01T00:00:00Z"}),
    "a job and more about it": _ok({"jobId": "j", "state": "RUNNING", "owner": "me"}),
    "a job that failed": _ok({"id": 7, "status": "failed", "error": {"code": 5, "message": "x"}}),
    "a resource of Azure's": _ok({"id": "/a", "name": "a", "properties": {"provisioningState": "Updating", "size": 1}}),
    "a flag of a row": _ok({"id": 1, "is_running": True, "jobComplete": False, "title": "x"}),
    "a state that is none of a job's": _ok({"status": "active"}),
    "rows with a state": _ok([{"status": "RUNNING"}, {"status": "PENDING"}]),
    "a page of rows with a state": _ok({"value": [{"jobId": "j", "state": "QUEUED"}]}),
    "rows beside a state": _ok({"status": "pending", "value": ROWS, "nextLink": None}),
}


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("name", CONTROLS)
def test_rows_are_no_job(session: Session, api: Server, name: str) -> None:
    """What a GET brings is a row, or rows, where it has a state beside anything else than a job has."""
    api.routes["/x"] = CONTROLS[name]
    assert len(read(session, f"{api.origin}/x")) >= 1
    assert len(api.seen) == 1


@pytest.mark.parametrize(
    "document",
    [
        {"data": {"order": {"id": 1, "status": "pending"}}},
        {"jsonrpc": "2.0", "id": 1, "result": {"status": "pending", "name": "x"}},
        {"status": "success", "data": {"status": "pending", "name": "x"}},
        {"status": "RUNNING", "value": ROWS},
    ],
)
def test_what_is_asked_for_by_a_post(session: Session, api: Server, document: Any) -> None:
    """What a POST brings is a row where the state stands deeper, or rows are beside it."""
    api.routes["/x"] = _ok(document)
    assert len(read(session, f"{api.origin}/x", json={"q": 1})) >= 1
    assert len(api.seen) == 1


FAILED = {
    "Databricks": {
        "POST /x": [_ok({**STATEMENT, "status": {"state": "FAILED", "error": {"message": "no such table"}}})],
    },
    "Azure Resource Manager": {
        "GET /x": [_accepted(Azure_AsyncOperation="/op")],
        "GET /op": [_ok({"status": "Canceled", "error": {"code": "C", "message": "no such table"}})],
    },
    "Athena's words": {
        "GET /x": [_accepted(Location="/op")],
        "GET /op": [
            _ok({"QueryExecution": {"Status": {"State": "FAILED", "StateChangeReason": "no such table"}}}),
        ],
    },
    "Salesforce's Bulk API": {
        "POST /x": [_ok(SALESFORCE)],
        "GET /x/750": [_ok({**SALESFORCE, "state": "Failed", "errorMessage": "no such table"})],
    },
}


@pytest.mark.parametrize("name", FAILED)
def test_failed(session: Session, api: Server, name: str) -> None:
    """A job that failed is an error with the service's own words."""
    body = _serve(api, FAILED[name])
    with pytest.raises(ApiError, match=r"the job is (FAILED|Failed|Canceled): no such table\."):
        read(session, f"{api.origin}/x", json=body)


def test_nowhere(session: Session, api: Server) -> None:
    """A POST that was accepted, with nothing that says where its result will be, is an error that says so."""
    for reply in (_accepted(), _accepted({}), _accepted({"message": "Thank you."})):
        api.routes["/x"] = reply
        with pytest.raises(DataError, match=r"answered 202: .* nothing says where [^$]*documentation"):
            read(session, f"{api.origin}/x", json={"q": 1})


def test_not_where_it_seemed(session: Session, api: Server) -> None:
    """An address that is not there is an error of the first answer; so is a result that is nowhere."""
    _serve(api, {"POST /x": [_accepted({"jobId": "j1", "state": "QUEUED"})]})
    with pytest.raises(ApiError, match=r"/x answered 202: .*it is QUEUED.* seemed to be .*/x/j1, which answered 404"):
        read(session, f"{api.origin}/x", json={"q": 1})
    _serve(api, {"GET /x": [_accepted(Location="/op")], "GET /op": [_ok({"status": "Running"}), Reply(b"{}", 500)]})
    with pytest.raises(ApiError, match="/op answered 500"):
        read(session, f"{api.origin}/x")
    _serve(api, {"POST /x": [_accepted(Location="/op")], "GET /op": [_ok({"status": "Succeeded"})]})
    with pytest.raises(DataError, match=r"the job is done, and nothing says where .* Neither .*/result nor .*/results"):
        read(session, f"{api.origin}/x", json={"q": 1})
    _serve(api, {"POST /x": [_accepted(Location="/op")], "GET /op": [_ok({**JOB, "resultUrl": "/gone"})]})
    with pytest.raises(ApiError, match="/gone answered 404"):
        read(session, f"{api.origin}/x", json={"q": 1})


@pytest.mark.parametrize(
    ("first", "why"),
    [
        (_accepted(), "it answered 202"),
        (_accepted(Location="/x"), "it answered 202"),
        (_ok({**BIGQUERY, "jobComplete": False}), "it is not complete"),
        (_ok({"status": "pending"}), "it is pending"),
    ],
)
def test_never_done(session: Session, api: Server, first: Reply, why: str) -> None:
    """A job that does not end is an error after the time for it."""
    api.routes["/x"] = first
    with pytest.raises(DataError, match=rf"{why}, after .* not there yet"):
        read(session, f"{api.origin}/x", retries=QUICK)
    assert len(api.seen) > 3


def test_how_long() -> None:
    """A job whose place is told is waited for much longer than one that nobody speaks of."""
    retries = Retries()
    assert retries.longest_job_s > 10 * retries.longest_unnamed_job_s
    assert retries.longest_unnamed_job_s <= 30


def test_waits_as_told(session: Session, api: Server) -> None:
    """The seconds that the API names are waited for, and shown with what it said."""

    class Watch:
        waits: ClassVar[list[str]] = []

        def update(self, **_: Any) -> None:
            """Forget it."""

        def wait(self, seconds: float, why: str) -> None:
            """Remember it."""
            self.waits.append(f"{seconds} {why}")

        def finish(self, outcome: str) -> None:
            """Forget it."""

    running = _ok({**STATEMENT, "status": {"state": "RUNNING"}}, x_ms_retry_after_ms="1200")
    _serve(api, {"POST /x": [running], "GET /x/s1": [_ok({**STATEMENT, **CHUNK})]})
    began = time.monotonic()
    read(session, f"{api.origin}/x", json={"q": 1}, records="result.data_array", progress=Watch())
    assert time.monotonic() - began >= 1.2
    assert Watch.waits == ["1.2 it is RUNNING: asking again in 1 s"]


@pytest.mark.parametrize(
    "exchange",
    [
        {"GET /x": [_accepted(Location="{there}/op")]},
        {"GET /x": [_accepted({"state": "queued", "statusUrl": "{there}/op"})]},
        {"GET /x": [_accepted(Location="/op")], "GET /op": [_ok({**JOB, "resultUrl": "{there}/file?sig=hush"})]},
    ],
)
def test_elsewhere(session: Session, api: Server, stranger: Server, exchange: dict[str, list[Reply]]) -> None:
    """An address at an origin that the profile does not name is refused, and nothing is sent there."""
    filled = {
        name: [
            Reply(
                reply.body.replace(b"{there}", stranger.origin.encode()),
                reply.status,
                {key: value.replace("{there}", stranger.origin) for key, value in reply.headers.items()},
            )
            for reply in replies
        ]
        for name, replies in exchange.items()
    }
    _serve(api, filled)
    with pytest.raises(OriginNotAllowed, match=f"the answer leads to {stranger.origin}") as caught:
        read(session, f"{api.origin}/x")
    assert stranger.seen == []
    assert "hush" not in str(caught.value)


def test_a_link_that_leads_anywhere(session: Session, api: Server, stranger: Server) -> None:
    """A link that may be to a page for people counts only where the token may go."""
    job = {"jobId": "j", "state": "RUNNING", "url": f"{stranger.origin}/portal"}
    _serve(api, {"POST /x": [_ok(job)], "GET /x/j": [_ok({**job, "value": ROWS, "state": "DONE"})]})
    assert len(read(session, f"{api.origin}/x", json={"q": 1}, records="value")) == 2
    assert stranger.seen == []


def test_file_elsewhere(session: Session, api: Server, secure_stranger: Server) -> None:
    """A redirect to the file that is ready is followed without a token, and what it holds is data."""
    rows = [{"status": "pending", "name": "n1"}]
    secure_stranger.routes["/file"] = _ok({"status": "Succeeded", "value": rows})
    target = redirect(f"{secure_stranger.origin}/file", 303)
    _serve(api, {"POST /x": [_accepted(Location="/op")], "GET /op": [_accepted(), target]})
    assert read(session, f"{api.origin}/x", json={"q": 1}, records="value").to_dict("records") == rows
    assert [seen.token for seen in secure_stranger.seen] == [None]


def test_job_without_rows(session: Session, api: Server) -> None:
    """A job that is done, and has an empty list where rows would be, has none."""
    done = _ok({**JOB, "rows": []})
    _serve(api, {"POST /x": [_accepted(Location="/op")], "GET /op": [_ok({"status": "Running", "rows": []}), done]})
    assert len(read(session, f"{api.origin}/x", json={"q": 1}, records="rows")) == 0
    assert len(api.seen) == 3


def test_several_statements(session: Session, api: Server) -> None:
    """An answer that stands for several statements is an error that says how each is read."""
    api.routes["/x"] = _ok({**SNOWFLAKE, "data": [["Multiple statements."]], "statementHandles": ["h1", "h2"]})
    with pytest.raises(DataError, match=r"several statements[^$]*/HANDLE"):
        read(session, f"{api.origin}/x", json={"q": 1})


def test_rows_in_files(session: Session, api: Server) -> None:
    """A statement whose rows are in files elsewhere is an error that says how they come in the answer."""
    links = [{"chunk_index": 0, "row_count": 2, "external_link": "https://files.example/1?sig=hush"}]
    api.routes["/x"] = _ok(
        {**STATEMENT, **CHUNK, "status": {"state": "SUCCEEDED"}, "result": {"external_links": links}}
    )
    with pytest.raises(DataError, match=r"external_links[^$]*INLINE") as caught:
        read(session, f"{api.origin}/x", json={"q": 1})
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("result", [{}, {"result": {}}, {"result": {"row_count": 0}}])
def test_statement_without_rows(session: Session, api: Server, result: Any) -> None:
    """A statement of Databricks that has no rows leaves them out, and has columns all the same."""
    schema = {"columns": [{"name": "id", "type_name": "LONG"}, {"name": "city", "type_name": "STRING"}]}
    done = {"manifest": {"schema": schema, "total_row_count": 0}, "status": {"state": "SUCCEEDED"}, **result}
    _serve(api, {"POST /x": [_ok(STATEMENT)], "GET /x/s1": [_ok({**STATEMENT, **done})]})
    frame = read(session, f"{api.origin}/x", json={"q": 1})
    assert (len(frame), list(frame)) == (0, ["id", "city"])


def test_rows_with_202(session: Session, api: Server) -> None:
    """Rows that come with 202, and with no word of a job, are taken, and a warning says so."""
    for document in (ROWS, {"value": ROWS}):
        api.routes["/x"] = _accepted(document)
        with pytest.warns(AssumptionWarning, match="answered 202"):
            assert read(session, f"{api.origin}/x").to_dict("records") == ROWS


def test_named_path(session: Session, api: Server) -> None:
    """A path that the caller names begins at the whole answer, where it is there, and at the result elsewhere."""
    done = _ok({**JOB, "properties": {"output": {"list": ROWS}}})
    exchange = {"POST /x": [_accepted(Azure_AsyncOperation="/op")], "GET /op": [done]}
    for path in ("properties.output.list", "list"):
        body = _serve(api, exchange)
        assert read(session, f"{api.origin}/x", json=body, records=path).to_dict("records") == ROWS


LATER = {
    "GET /x": [_ok({"value": [{"id": 0, "name": "n0"}], "nextLink": "/x2"})],
    "GET /x2": [_accepted(Location="/op", Retry_After="0")],
    "GET /op": [_accepted(), _ok({"value": ROWS[:1], "nextLink": "/x3"})],
    "GET /x3": [_accepted({}), _ok({"value": ROWS[1:]})],
}


def test_later_pages(session: Session, api: Server, tmp_path: Path) -> None:
    """A later page may be a job, too; so may a page of `pages` and of a load to a file."""
    whole = [{"id": 0, "name": "n0"}, *ROWS]
    _serve(api, LATER)
    assert read(session, f"{api.origin}/x").to_dict("records") == whole
    _serve(api, LATER)
    assert pd.concat(pages(session, f"{api.origin}/x")).to_dict("records") == whole
    _serve(api, LATER)
    target = write(session, f"{api.origin}/x", tmp_path / "x.parquet")
    assert pd.read_parquet(target).to_dict("records") == whole


def test_later_pages_of_a_file(session: Session, api: Server, tmp_path: Path) -> None:
    """A later page of a file that comes in pages may be a job, too; rows of JSON are none of it."""

    def part(number: int, following: str | None) -> Reply:
        headers = {} if following is None else {"Link": f'<{following}>; rel="next"'}
        return Reply(f"id,name\n{number},n{number}\n".encode(), headers=headers, content_type="text/csv")

    parts = {
        "GET /x": [part(1, "/x2")],
        "GET /x2": [_accepted(), _accepted({}, Location="/op")],
        "GET /op": [_accepted(), part(2, None)],
    }
    _serve(api, parts)
    assert read(session, f"{api.origin}/x").to_dict("records") == ROWS
    _serve(api, parts)
    assert pd.concat(pages(session, f"{api.origin}/x")).to_dict("records") == ROWS
    _serve(api, parts)
    assert pd.read_parquet(write(session, f"{api.origin}/x", tmp_path / "x.parquet")).to_dict("records") == ROWS
    _serve(api, {**parts, "GET /x2": [_accepted(ROWS)]})
    with pytest.raises(DataError, match="where the pages before were CSV"):
        read(session, f"{api.origin}/x")


def test_goes_on_with_a_job(session: Session, api: Server, tmp_path: Path) -> None:
    """A load to a file that broke off goes on with the page that is a job."""
    broken = {**LATER, "GET /x2": [Reply(b"no", 400)]}
    _serve(api, broken)
    with pytest.raises(ApiError):
        write(session, f"{api.origin}/x", tmp_path / "x.parquet")
    _serve(api, {**LATER, "GET /x": [Reply(b"no", 500)]})
    target = write(session, f"{api.origin}/x", tmp_path / "x.parquet")
    assert pd.read_parquet(target)["id"].tolist() == [0, 1, 2]


@pytest.mark.parametrize("act", ["read", "pages", "write"])
@pytest.mark.parametrize("where", ["/x", "/x2"])
def test_interrupt(session: Session, api: Server, tmp_path: Path, act: str, where: str) -> None:
    """An interrupt ends the wait for a job at once, on the first page and later."""
    _serve(api, LATER)
    waits = threading.Event()

    def answer(_: Seen) -> Reply:
        waits.set()
        return _accepted(Location="/op", Retry_After="50")

    api.routes[where] = answer
    acts: dict[str, Any] = {
        "read": read,
        "pages": lambda *where: list(pages(*where)),
        "write": lambda *where: write(*where, tmp_path / "x.parquet"),
    }
    began: list[float] = []

    def interrupt() -> None:
        waits.wait(10)
        time.sleep(0.3)
        began.append(time.monotonic())
        _thread.interrupt_main()

    threading.Thread(target=interrupt).start()
    with pytest.raises(ReadInterrupted):
        acts[act](session, f"{api.origin}/x")
    assert time.monotonic() - began[0] < 10


def test_a_body_that_is_broken(session: Session, api: Server) -> None:
    """A body of 202 that is no JSON says nothing; one of 200 is an error as ever."""
    _serve(api, {"GET /x": [Reply(b"{Accepted", 202), Reply(b"Accepted", 202, content_type="text/plain"), VALUE]})
    assert len(read(session, f"{api.origin}/x")) == 2
    api.routes["/x"] = Reply(b'{"status": "pending"')
    with pytest.raises(DataError, match="no valid JSON"):
        read(session, f"{api.origin}/x")


def test_a_long_answer(session: Session, api: Server) -> None:
    """A long answer is rows, also where a state is in it; rows in front of which a flag stands are not all."""
    rows = [{"id": number, "name": "n" * 100} for number in range(2_000)]
    api.routes["/x"] = _ok({"statement_id": "s", "status": {"state": "RUNNING"}, "note": "x" * 70_000})
    assert len(read(session, f"{api.origin}/x")) == 1
    part = {"id": "a", "is_partial": True, "is_running": True, "response": {"items": rows}}
    whole = {"id": "a", "is_partial": False, "is_running": False, "response": {"items": [*rows, *ROWS]}}
    body = _serve(api, {"POST /x": [_ok(part)], "GET /x/a": [_ok(whole)]})
    assert len(read(session, f"{api.origin}/x", json=body, records="response.items")) == 2_002


def test_large_objects_are_left_alone(session: Session, api: Server) -> None:
    """An object of many members is none that describes a job."""
    many = {f"n{number}": number for number in range(200)}
    api.routes["/x"] = _ok({"status": "pending", "result": many})
    assert len(read(session, f"{api.origin}/x")) == 1
    api.routes["/x"] = _ok({"status": "pending", "data": {"text": "x" * 200_000}})
    assert len(read(session, f"{api.origin}/x")) == 1
