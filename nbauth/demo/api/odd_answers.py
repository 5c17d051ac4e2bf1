"""Answers that go wrong on purpose: what a reader of paged APIs must survive."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from nbauth.demo.api.bearer import ApiError
from nbauth.demo.api.sunlight import row
from nbauth.demo.http.messages import Response

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbauth.demo.http.messages import Request

__all__ = ["DRIFT_PAGES", "ODD_ANSWERS"]

DRIFT_PAGES: tuple[tuple[dict[str, Any], ...], ...] = (
    # Nulls first, and an int that will not stay one.
    ({"id": 1, "value": 1, "note": None, "gone": "a"}, {"id": 2, "value": 2, "note": None, "gone": "b"}),
    # int becomes float; `gone` is gone; `late` appears, and something nested.
    ({"id": 3, "value": 2.5, "note": "x", "late": True}, {"id": 4, "value": None, "nested": {"a": 1}}),
    # float becomes string; nested gets another key; integers past 2**53 and past 2**63.
    (
        {"id": 9007199254740993, "value": "n/a", "note": "", "nested": {"a": 2, "b": [1, 2]}},
        {"id": 2**63, "value": 7, "nested": None, "late": None},
    ),
    (),
    # A date that is none, a list where an object was, and text outside the BMP.
    ({"id": 5, "value": "2025-02-30T00:00:00Z", "nested": [1], "note": "ünïcödé 🌞"},),
)


def _page(value: Any, next_link: str | None = None) -> Response:
    return Response.json({"value": value} | ({"@odata.nextLink": next_link} if next_link else {}))


def _number(request: Request) -> int:
    try:
        return int(request.query.get("$skiptoken", "0"))
    except ValueError:
        raise ApiError(400, "BadRequest", "The $skiptoken is not valid.") from None


def _empty(request: Request, origin: str) -> Response:  # noqa: ARG001  (all answers are called alike)
    return _page([])


def _loop(request: Request, origin: str) -> Response:
    return _page([row(0), row(1)], f"{origin}{request.path}")


def _endless(request: Request, origin: str) -> Response:
    return _page([row(0), row(1)], f"{origin}{request.path}?$skiptoken={_number(request) + 1}")


def _endless_empty(request: Request, origin: str) -> Response:
    return _page([], f"{origin}{request.path}?$skiptoken={_number(request) + 1}")


def _elsewhere(request: Request, origin: str) -> Response:  # noqa: ARG001
    target = request.query.get("to", "https://elsewhere.example/v1.0/sunlight?$skiptoken=1")
    return _page([row(0), row(1)], target)


def _drift(request: Request, origin: str) -> Response:
    number = _number(request)
    if not 0 <= number < len(DRIFT_PAGES):
        raise ApiError(400, "BadRequest", "The $skiptoken is not valid.")
    last = number == len(DRIFT_PAGES) - 1
    return _page(DRIFT_PAGES[number], None if last else f"{origin}{request.path}?$skiptoken={number + 1}")


def _status(request: Request, origin: str) -> Response:  # noqa: ARG001
    code = request.path.rpartition("/")[2]
    if not code.isdecimal() or not 200 <= int(code) <= 599:
        raise ApiError(400, "BadRequest", "No such status.")
    if int(code) < 300:
        return Response.json({"value": []}, status=int(code))
    raise ApiError(int(code), f"Status{code}", f"You asked for {code}.")


def _redirect(request: Request, origin: str) -> Response:
    target = request.query.get("to", f"{origin}/v1.0/me")
    status = request.query.get("status", "302")
    if status not in {"301", "302", "303", "307", "308"}:
        raise ApiError(400, "BadRequest", "That status is not a redirect.")
    return Response.redirect(target, status=int(status))


def _html(request: Request, origin: str) -> Response:  # noqa: ARG001
    return Response(
        body=b"<!doctype html><title>Portal</title><h1>Not JSON</h1>", content_type="text/html; charset=utf-8"
    )


def _broken(request: Request, origin: str) -> Response:  # noqa: ARG001
    whole = json.dumps({"value": [row(0), row(1)]}).encode()
    return Response(body=whole[:-7], content_type="application/json")


# Globs of paths below /v1.0, each with its answer.
ODD_ANSWERS: dict[str, Callable[[Request, str], Response]] = {
    "empty": _empty,
    "loop": _loop,
    "endless": _endless,
    "endless-empty": _endless_empty,
    "elsewhere": _elsewhere,
    "drift": _drift,
    "status/*": _status,
    "redirect": _redirect,
    "html": _html,
    "broken-json": _broken,
}
