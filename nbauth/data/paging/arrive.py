"""From a response to the data: a job that it tells of is asked for until it is done, and its result is fetched."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from nbauth.data.fetch.job_wait import JobWait
from nbauth.data.fetch.request import PageRequest
from nbauth.data.paging.arrival import ACCEPTED, Arrival
from nbauth.data.paging.page_response import PageResponse
from nbauth.data.paging.pending import Pending, Wait
from nbauth.data.paging.unwrapped import document_of
from nbauth.errors import ApiError, DataError
from nbauth.net.origins import redact_url

if TYPE_CHECKING:
    from collections.abc import Callable

    from requests import Response

    from nbauth.data.fetch.requester import Requester

    LookAt = Callable[[PageRequest, Response], Arrival]

__all__ = ["arrive"]

_NOT_THERE = (404, 405)
_FIND_OUT = "Find the address in the API's documentation, and read it with a call of its own."


def arrive(
    requester: Requester, request: PageRequest, response: Response, *, look_at: LookAt, named: str | None
) -> Arrival:
    """Return the response with the data that a request asks for; it is the request's own, unless that tells of a job.

    Args:
        requester: sends the requests.
        request: the request.
        response: its response, whose body is still to be read.
        look_at: finds out what a response is, and reads it if it is JSON.
        named: the path of the rows, if the caller named it.

    Raises:
        ApiError: the job failed.
        DataError: the job takes too long, or nothing says where its result is.
        OriginNotAllowed: it leads to an origin that the profile does not name.
    """
    arrival = _looked_at(requester, request, response, look_at)
    if arrival.alike is not None:
        return arrival
    pending = Pending(requester.chain, named)
    waiting: JobWait | None = None
    while True:
        step = pending.look(arrival)
        if isinstance(step, Arrival):
            if step.response.status_code == ACCEPTED:
                _assume(requester, step)
            return step
        arrival.response.close()
        if isinstance(step, Wait):
            waiting = waiting or JobWait(requester.pause, requester.retries)
            waiting.wait(arrival.response.url, step.what, step.after_s, is_told=step.is_told)
            arrival = _state(requester, step, arrival, look_at)
        else:
            arrival = _result(requester, step.urls, arrival, look_at)


def _state(requester: Requester, step: Wait, before: Arrival, look_at: LookAt) -> Arrival:
    request = PageRequest(step.url)
    try:
        return _looked_at(requester, request, requester.send(request), look_at)
    except ApiError as error:
        if error.status not in _NOT_THERE or step.url == before.request.url:
            raise
        place, status = redact_url(before.response.url), before.response.status_code
        raise ApiError(
            f"{place} answered {status}: the result is not there yet ({step.what}). Where to ask for it seemed to be "
            f"{redact_url(step.url)}, which answered {error.status}.",
            status=error.status,
            url=place,
            body=error.body,
            next_step=_FIND_OUT,
        ) from error


def _result(requester: Requester, urls: tuple[str, ...], before: Arrival, look_at: LookAt) -> Arrival:
    for url in urls:
        request = PageRequest(url)
        try:
            return _looked_at(requester, request, requester.send(request), look_at)
        except ApiError as error:
            if error.status not in _NOT_THERE or len(urls) == 1:
                raise
    shown_url = redact_url(before.response.url)
    raise DataError(
        f"{shown_url}: the job is done, and nothing says where its result is. "
        f"Neither {' nor '.join(map(redact_url, urls))} has it.",
        url=shown_url,
        next_step=_FIND_OUT,
    )


def _looked_at(requester: Requester, request: PageRequest, response: Response, look_at: LookAt) -> Arrival:
    if response.status_code == ACCEPTED:  # its body may be anything
        response, content = requester.content(request, response)
        arrival = Arrival(request, response, content)
    else:
        arrival = look_at(request, response)
    return arrival if arrival.alike is not None else replace(arrival, page=_document(arrival))


def _document(arrival: Arrival) -> PageResponse | None:
    """Return the document of a response; None where it has none, or one that cannot be read: its reader says why."""
    response, content = arrival.response, arrival.content
    if content is None or not content.strip():
        return None
    try:
        node = document_of(content)
        node.members()
    except (ValueError, RecursionError):
        return None
    return PageResponse(response.url, response.status_code, response.headers, node, arrival.request)


def _assume(requester: Requester, arrival: Arrival) -> None:
    requester.assume(
        f"{redact_url(arrival.response.url)} answered 202, as if the result were not there yet, and sent rows. They "
        "were taken for all. If that is wrong, read it again later."
    )
