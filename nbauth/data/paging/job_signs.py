"""What a response says of a job by its headers, by the request that it answers and by its links."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit, urlunsplit

from nbauth.data.paging.arrival import ACCEPTED
from nbauth.data.paging.guards import canonical
from nbauth.data.paging.next_address import part_address
from nbauth.data.paging.request_params import set_in_query

if TYPE_CHECKING:
    from requests import Response

    from nbauth.data.fetch.request import PageRequest
    from nbauth.data.paging.arrival import Arrival
    from nbauth.data.paging.job import Job

__all__ = ["address", "behind", "below", "is_of", "operation", "tells"]

_CREATED = 201
_OPERATION = ("Azure-AsyncOperation", "Operation-Location")


def tells(job: Job, arrival: Arrival) -> bool:
    """Tell whether a first response, by its document, tells of a job that is not done, or that failed."""
    is_post = arrival.request.verb == "POST"
    if job.is_flagged or job.has_rows or job.phase == "done":
        return job.is_flagged
    if job.phase == "failed":
        return job.query_id is not None or (is_post and job.has_job_id)
    if job.phase is None:
        return is_post and job.has_job_id and job.is_only_about_itself
    if address(arrival) or job.query_id is not None or "Retry-After" in arrival.response.headers:
        return True
    return _tells_after_post(job) if is_post else _tells_after_get(job, arrival)


def _tells_after_post(job: Job) -> bool:
    return bool(job.has_job_id or job.has_own_state or job.status_link) or job.is_only_about_itself


def _tells_after_get(job: Job, arrival: Arrival) -> bool:
    """Tell it of a GET, where a job may be the row that was asked for; unless it is at another address."""
    if is_of(arrival.request, job):
        return False
    if _leads_elsewhere(job.status_link, arrival):
        return True
    if job.is_only_of_times and _leads_elsewhere(job.other_link, arrival):
        return True
    return job.is_only_of_waiting and (job.has_job_id or job.number is None)


def operation(response: Response) -> str | None:
    """Return the address of an operation in a header of its own."""
    return next((response.headers[name] for name in _OPERATION if response.headers.get(name)), None)


def address(arrival: Arrival) -> str | None:
    """Return where a response's headers say that the state is asked for.

    Raises:
        PaginationError: it is no URL.
    """
    response = arrival.response
    named = operation(response)
    if named is None and (response.status_code in (_CREATED, ACCEPTED) or arrival.request.verb == "POST"):
        named = response.headers.get("Location")
    return part_address(named, response.url) if named else None


def is_of(request: PageRequest, job: Job) -> bool:
    """Tell whether the URL that was asked is the job's own."""
    return job.number is not None and urlsplit(request.url).path.rstrip("/").endswith(f"/{quote(job.number)}")


def behind(url: str, job: Job) -> str:
    """Return the address of a job behind the URL that made it."""
    own = below(url, quote(job.number or "", safe=""))
    return canonical(own if job.region is None else set_in_query(own, {"location": job.region}))


def below(url: str, name: str) -> str:
    """Return the address of what is below a URL."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{name}"))


def _leads_elsewhere(link: str | None, arrival: Arrival) -> bool:
    here = arrival.response.url
    return link is not None and urlsplit(part_address(link, here)).path != urlsplit(here).path
