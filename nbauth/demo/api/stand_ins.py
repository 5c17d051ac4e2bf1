"""Answers in the shapes of three services: Log Analytics, Power BI and Microsoft Graph's usage reports.

A stand-in knows one question each, and refuses every other one as the service does. The shapes are those of the
services' documentation:

* https://learn.microsoft.com/azure/azure-monitor/logs/api/response-format
* https://learn.microsoft.com/rest/api/power-bi/datasets/execute-queries
* https://learn.microsoft.com/graph/api/reportroot-getemailactivityuserdetail
"""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING, Any

from nbauth.demo.api.bearer import ApiError
from nbauth.demo.api.sunlight import CITIES, row
from nbauth.demo.http.messages import Response

if TYPE_CHECKING:
    from nbauth.demo.api.sunlight import Sunlight
    from nbauth.demo.http.messages import Request

__all__ = ["DAX", "KQL", "REPORT", "StandIns"]

KQL = """
Sunlight
| where isnotnull(day_length_min)
| summarize DayLengthMin = max(day_length_min) by bin(TimeGenerated, 1d), City, Location
"""
DAX = 'EVALUATE SUMMARIZECOLUMNS(Cities[Country], "Cities", COUNTROWS(Cities), "Northernmost", MAX(Cities[Latitude]))'
REPORT = "reports/getEmailActivityUserDetail(period='D7')"

_ROWS_A_DAY = 24 * len(CITIES)
_REPORT_HEAD = (
    "Report Refresh Date,User Principal Name,Display Name,Is Deleted,Deleted Date,Last Activity Date,"
    "Send Count,Receive Count,Read Count,Assigned Products,Report Period"
)
_REPORT_ROWS = (
    "alice@contoso.example,Alice Adams,False,,2025-07-27,42,318,290,MICROSOFT 365 E5,7",
    "bob@contoso.example,Bob Büchner,False,,2025-07-28,17,204,121,MICROSOFT 365 E3,7",
    "chen@contoso.example,Chen Li,False,,2025-07-25,8,96,96,MICROSOFT 365 E3,7",
    "dara@contoso.example,Dara Nolan,False,,,0,12,0,MICROSOFT 365 F3,7",
    "erik@contoso.example,Erik Holm,True,2025-07-23,2025-07-22,3,41,20,MICROSOFT 365 E3,7",
)


class StandIns:
    """What the stand-ins answer.

    Args:
        sunlight: the collection that Log Analytics' table is made of.
        origin: where the API is, without a path.
    """

    def __init__(self, sunlight: Sunlight, origin: str) -> None:
        self._sunlight = sunlight
        self._origin = origin
        # Whoever knows the address may have the file, without a token: so Graph hands out its reports.
        self._download = f"download/{secrets.token_urlsafe(16)}/EmailActivityUserDetail.csv"

    def public(self, request: Request) -> Response | None:
        """Return the answer to a request that needs no token; None if it needs one."""
        if request.path != f"/{self._download}":
            return None
        lines = [_REPORT_HEAD, *(f"2025-07-28,{line}" for line in _REPORT_ROWS)]
        text = "\ufeff" + "\n".join(lines) + "\n"  # Graph's files begin with a byte order mark
        return Response(body=text.encode(), content_type="application/octet-stream")

    def answer(self, request: Request, name: str) -> Response | None:
        """Return the answer to a request whose token counts; None if it is for no stand-in.

        Args:
            request: the request.
            name: its path after ``/v1.0/``, decoded.

        Raises:
            ApiError: the stand-in does not know the question.
        """
        match name.split("/"):
            case ["workspaces", _, "query"]:
                return self._log_analytics(request)
            case ["myorg", "datasets", _, "executeQueries"]:
                return self._power_bi(request)
        if name == REPORT and request.method == "GET":
            return Response.redirect(f"{self._origin}/{self._download}", status=302)
        return None

    def _log_analytics(self, request: Request) -> Response:
        if _words(_posted(request).get("query")) != _words(KQL):
            raise ApiError(400, "BadArgumentError", f"This stand-in knows one query: {' '.join(KQL.split())}")
        columns = {
            "TimeGenerated": "datetime",
            "City": "string",
            "Location": "dynamic",
            "DayLengthMin": "long",
        }
        days = len(self._sunlight) // _ROWS_A_DAY
        firsts = (row(day * _ROWS_A_DAY + place) for day in range(days) for place in range(len(CITIES)))
        table = {
            "name": "PrimaryResult",
            "columns": [{"name": column, "type": kind} for column, kind in columns.items()],
            "rows": [
                [first["time"], first["city"], json.dumps(first["location"]), first["day_length_min"]]
                for first in firsts
                if first["day_length_min"] is not None
            ],
        }
        return Response.json({"tables": [table]})

    def _power_bi(self, request: Request) -> Response:
        queries = _posted(request).get("queries")
        asked = queries[0].get("query") if isinstance(queries, list) and queries else None
        if _words(asked) != _words(DAX):
            raise ApiError(400, "DatasetExecuteQueriesError", f"This stand-in knows one query: {DAX}")
        countries: dict[str, list[float]] = {}
        for city in CITIES:
            countries.setdefault(city.country, []).append(city.latitude)
        rows = [
            {"Cities[Country]": country, "[Cities]": len(latitudes), "[Northernmost]": max(latitudes)}
            for country, latitudes in countries.items()
        ]
        return Response.json({"results": [{"tables": [{"rows": rows}]}]})


def _posted(request: Request) -> dict[str, Any]:
    if request.method != "POST":
        raise ApiError(405, "MethodNotAllowed", f"{request.method} is not allowed here.")
    try:
        value = json.loads(request.body)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise ApiError(400, "BadRequest", "The body must be a JSON object.")
    return value


def _words(text: object) -> list[str]:
    return text.split() if isinstance(text, str) else []
