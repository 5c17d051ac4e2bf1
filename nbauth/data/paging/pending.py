"""Whether a response is not yet the data, but tells of a job that makes it; and the way from there to the result.

A job is told by the status 202, by a header that names where its state is asked for, by a state such as ``RUNNING`` in
a document that is about a job, or by a flag such as BigQuery's ``jobComplete``. An order that is ``pending`` is a row.
The job is asked for by GET until it is done, and its result is fetched by GET:

| what says where | a source |
|---|---|
| ``Azure-AsyncOperation``, ``Operation-Location``, ``Location`` | Azure Resource Manager, Microsoft's REST guidelines |
| a link in the document | Snowflake's ``statementStatusUrl``, Trino's ``nextUri``, OGC's ``links`` |
| the job's number, behind the URL that made it | Databricks, BigQuery, Elasticsearch, Graph's reports |
| the URL itself, of a GET | GitHub's statistics |

The result is in the same answer (``properties.output`` of Azure's, rows), at a link there, at a ``Location`` (Fabric),
at the URL that was asked for at first (Azure Resource Manager), or behind the job's (Fabric, Salesforce's Bulk API).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from nbauth.data.fetch.chain import may_carry
from nbauth.data.fetch.http_errors import clean
from nbauth.data.fetch.named_waits import named_wait_s
from nbauth.data.paging.arrival import ACCEPTED
from nbauth.data.paging.guards import check_leads
from nbauth.data.paging.job import job_in
from nbauth.data.paging.job_signs import address, behind, below, is_of, operation, tells
from nbauth.data.paging.next_address import part_address
from nbauth.data.paging.page_response import at
from nbauth.errors import ApiError, DataError
from nbauth.net.origins import redact_url

if TYPE_CHECKING:
    from nbauth.data.fetch.chain import Chain
    from nbauth.data.fetch.request import PageRequest
    from nbauth.data.paging.arrival import Arrival
    from nbauth.data.paging.job import Job

__all__ = ["Fetch", "Pending", "Wait"]

_RESULTS = ("result", "results")


@dataclass(frozen=True)
class Wait:
    """The job is not done: it is asked for again.

    Attributes:
        url: where.
        what: what the response says.
        after_s: after how many seconds, where it says.
        is_told: whether it says where or when.
    """

    url: str
    what: str
    after_s: float | None
    is_told: bool


@dataclass(frozen=True)
class Fetch:
    """The job is done: its result is at the first of these addresses that has one."""

    urls: tuple[str, ...]


class Pending:
    """What is known of the job behind one request, from its first response to its last.

    Args:
        chain: tells whether a request to a URL may carry a token.
        named: the path of the rows, if the caller named it.
    """

    def __init__(self, chain: Chain, named: str | None = None) -> None:
        self._chain = chain
        self._named = named
        self._first: tuple[PageRequest, Job] | None = None  # the request, and the job that its response told of
        self._location: str | None = None  # where the first response says that the result will be
        self._has_operation = False  # whether a header of that names the operation, and not the result
        self._is_fetched = False

    def look(self, arrival: Arrival) -> Arrival | Wait | Fetch:
        """Say what a response means: the data itself, or what to do next.

        Raises:
            ApiError: the job failed.
            DataError: nothing says where its state is.
            OriginNotAllowed: that, or the result, is at an origin which the profile does not name.
        """
        page, is_accepted = arrival.page, self._is_accepted(arrival)
        if not is_accepted and (page is None or self._is_fetched):
            return arrival
        job = job_in(None if page is None else page.document, is_accepted=is_accepted)
        if job is not None and (job.has_several or job.has_files):
            raise _several(arrival) if job.has_several else _in_files(arrival)
        if job is None or not (is_accepted or self._first or tells(job, arrival)):
            return arrival
        if not may_carry(self._chain, arrival.response.url) or (is_accepted and self._is_data(job, arrival)):
            return arrival  # a redirect to the file leaves the API, and ends what is its own to say
        if job.phase == "failed":
            raise _failed(job, arrival)
        is_done = job.phase == "done" and job.result_link is not None
        if self._is_running(job) or (is_accepted and not is_done):
            return self._wait(job, arrival)
        self._first = self._first or (arrival.request, job)
        return self._done(job, arrival)

    def _is_accepted(self, arrival: Arrival) -> bool:
        """Tell whether a response tells of a job by what is none of its document."""
        response = arrival.response
        if response.status_code == ACCEPTED or arrival.page is not None:
            return response.status_code == ACCEPTED
        if "Retry-After" in response.headers and arrival.is_empty:
            return True
        return self._first is None and operation(response) is not None

    def _is_data(self, job: Job, arrival: Arrival) -> bool:
        """Tell whether a response with 202 has rows all the same, and nothing says that there will be others."""
        page = arrival.page
        has_rows = job.has_rows or (page is not None and page.document.is_list and not page.document.is_empty)
        return has_rows and job.phase != "running" and self._first is None and address(arrival) is None

    def _is_running(self, job: Job) -> bool:
        if job.is_flagged or job.phase == "running":
            return job.is_flagged or not job.has_rows
        is_unknown = job.phase is None and job.state is not None
        return (self._first is None and job.phase is None) or (is_unknown and job.is_only_about_itself)

    def _wait(self, job: Job, arrival: Arrival) -> Wait:
        request, response = arrival.request, arrival.response
        url = address(arrival) or (job.status_link and part_address(job.status_link, response.url))
        if self._first is None:
            location = response.headers.get("Location")
            self._has_operation = operation(response) is not None
            self._location = part_address(location, response.url) if location and self._has_operation else None
            url = url or (location and part_address(location, response.url)) or self._other_address(job, arrival)
        self._first = self._first or (request, job)
        is_own = url is not None or request != self._first[0] or is_of(request, job)
        if url is None and request.verb != "GET":
            raise _nowhere(arrival)
        self._check(url or request.url, arrival)
        said = job.state if job.phase != "done" else None
        what = f"it is {clean(said, 40)}" if said else f"it answered {response.status_code}"
        after_s = named_wait_s(response.headers)
        return Wait(url or request.url, what, after_s, is_own or after_s is not None)

    def _other_address(self, job: Job, arrival: Arrival) -> str | None:
        """Return where a job's state may be, where no place is sure to be that."""
        link = job.other_link and part_address(job.other_link, arrival.response.url)
        if link and may_carry(self._chain, link):
            return link
        is_made = arrival.request.verb == "POST" and job.number is not None
        return behind(arrival.request.url, job) if is_made else None

    def _done(self, job: Job, arrival: Arrival) -> Arrival | Fetch:
        page = arrival.page
        assert page is not None
        assert self._first is not None
        is_there = self._named is not None and at(page.document, tuple(self._named.split("."))) is not None
        if job.phase != "done" or is_there:
            return arrival
        output = None if job.output is None else at(page.document, job.output)
        if output is not None:
            return replace(arrival, page=replace(page, document=output))
        if job.has_rows or job.has_no_rows or not (job.is_kind_of(self._first[1]) or self._location or job.result_link):
            return arrival
        urls = self._result_urls(job, arrival)
        for url in urls:
            self._check(url, arrival)
        self._is_fetched = True
        return Fetch(urls)

    def _result_urls(self, job: Job, arrival: Arrival) -> tuple[str, ...]:
        assert self._first is not None
        here, (first, first_job) = arrival.request.url, self._first
        new = job.other_link if job.other_link != first_job.other_link else None
        for link in (job.result_link, arrival.response.headers.get("Location"), self._location, new):
            url = here if link is None else part_address(link, arrival.response.url)
            if url != here:
                return (url,)
        if self._has_operation and first.verb == "GET" and first.url != here:
            return (first.url,)
        return tuple(below(here, name) for name in _RESULTS)

    def _check(self, url: str, arrival: Arrival) -> None:
        before = arrival.request.url
        check_leads(self._chain, url, here=arrival.response.url, before=before, what="the answer")


def _failed(job: Job, arrival: Arrival) -> ApiError:
    shown_url, said = redact_url(arrival.response.url), clean(job.words)
    message = f"{shown_url}: the job is {clean(job.state or '', 40)}" + (f": {said}" if said else "")
    return ApiError(
        message if message.endswith((".", "!", "…")) else f"{message}.",
        status=arrival.response.status_code,
        url=shown_url,
        body=clean((arrival.content or b"").decode("utf-8", "replace")),
    )


def _several(arrival: Arrival) -> DataError:
    shown_url = redact_url(arrival.response.url)
    return DataError(
        f"{shown_url}: the answer stands for several statements, and each has a result of its own.",
        url=shown_url,
        next_step=f'Send one statement at a time, or read each result: nbauth.read("{shown_url}/HANDLE").',
    )


def _in_files(arrival: Arrival) -> DataError:
    shown_url = redact_url(arrival.response.url)
    return DataError(
        f"{shown_url}: the rows are not in the answer; its external_links lead to files that hold them.",
        url=shown_url,
        next_step='Ask for the rows themselves, as in json={…, "disposition": "INLINE", "format": "JSON_ARRAY"}.',
    )


def _nowhere(arrival: Arrival) -> DataError:
    shown_url = redact_url(arrival.response.url)
    return DataError(
        f"{shown_url} answered {arrival.response.status_code}: the result is not there yet, and nothing says where it "
        "will be.",
        url=shown_url,
        next_step="Find that address in the API's documentation, and read it with a call of its own.",
    )
