"""How long an API says that it is to be left alone: by `Retry-After`, or by the limits that its headers tell of.

Headers are known by the pattern of their names, since each API has its own. The first kind that is there counts, and of
several of a kind the longest:

| header | value | a source |
|---|---|---|
| `x-ms-retry-after-ms`, `retry-after-ms` | milliseconds | Azure Cosmos DB, Azure OpenAI |
| `Retry-After` | seconds, also fractions, or a date | RFC 9110 §10.2.3; Shopify writes `2.0` |
| `…-retry-after` | the same | Azure Cost Management |
| `RateLimit` | `"default";r=0;t=50`, or `limit=9, remaining=0, reset=50` | the IETF's drafts 10 and 3 of it |
| `RateLimit-Reset`, `X-RateLimit-Reset`, … | seconds, a date, or a time since 1970 | Zendesk, GitHub, Okta |
| `…-Reset-After`, `…-reset-tokens`, … | the same, `6m0s` or `00:00:05` | Discord, OpenAI, Azure Resource Graph |

Times of day are compared with the API's own clock, where it sends a `Date`.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from nbauth.net.retry_after import retry_after_s

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["is_used_up", "limit_wait_s", "named_wait_s"]

_IN_MS = re.compile(r"(^|-)retry-?after-(ms|milliseconds)$", re.IGNORECASE)
_RETRY_AFTER = re.compile("^retry-after$", re.IGNORECASE)
_AFTER = re.compile(r"-retry-?after(-seconds)?$", re.IGNORECASE)
_RESET = re.compile(r"rate-?limit.*-resets?(-after|-requests|-tokens)?$|-resets-after$", re.IGNORECASE)
_REMAINING = re.compile(r"(rate-?limit|quota).*-remaining", re.IGNORECASE)
_NUMBER = re.compile(r"[0-9]{1,15}(\.[0-9]*)?", re.ASCII)
_PARTS = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|d|h|m|s)", re.ASCII)
_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_CLOCK = re.compile(r"([0-9]{1,3}):([0-9]{2}):([0-9]{2}(\.[0-9]+)?)", re.ASCII)
_A_POLICY = re.compile(r"\b(r|remaining|t|reset)\s*=\s*([0-9]+)", re.ASCII)
_LONGEST = 100  # signs that a time may have; a longer value is none, and would take the patterns long
_YEAR_2001_S, _YEAR_2001_MS = 1e9, 1e12  # less than that is no time of day


def named_wait_s(headers: Mapping[str, str]) -> float | None:
    """Return the seconds after which a request may be sent again, where its response says that; else None."""
    in_ms = [float(value) / 1000 for value in _of(headers, _IN_MS) if _NUMBER.fullmatch(value)]
    return (
        max(in_ms, default=None) if in_ms else _longest_s(_of(headers, _RETRY_AFTER) or _of(headers, _AFTER), headers)
    )


def limit_wait_s(headers: Mapping[str, str]) -> float | None:
    """Return the seconds after which a limit that is used up no longer is; None where the response does not say."""
    wait = named_wait_s(headers)
    if wait is not None:
        return wait
    return _longest_s(_resets_of_draft(headers.get("RateLimit", "")) or _of(headers, _RESET), headers)


def is_used_up(headers: Mapping[str, str]) -> bool:
    """Tell whether a response says that a limit is used up."""
    policies = (dict(_A_POLICY.findall(policy)) for policy in headers.get("RateLimit", "").split(","))
    remaining = [
        *_of(headers, _REMAINING),
        *(policy[n] for policy in policies for n in ("r", "remaining") if n in policy),
    ]
    return any(_NUMBER.fullmatch(value) and float(value) == 0 for value in remaining)


def _of(headers: Mapping[str, str], pattern: re.Pattern[str]) -> list[str]:
    return [value.strip() for name, value in headers.items() if len(value) <= _LONGEST and pattern.search(name)]


def _resets_of_draft(value: str) -> list[str]:
    """Return the resets of a ``RateLimit`` header: those of the limits that are used up, else all."""
    whole = dict(_A_POLICY.findall(value))
    if "reset" in whole:
        return [whole["reset"]]
    policies = [dict(_A_POLICY.findall(policy)) for policy in value.split(",")]
    used_up = [policy for policy in policies if policy.get("r") == "0"]
    return [policy["t"] for policy in used_up or policies if "t" in policy]


def _longest_s(values: list[str], headers: Mapping[str, str]) -> float | None:
    waits = (_time_s(value, headers) for value in values)
    return max((wait for wait in waits if wait is not None), default=None)


def _time_s(value: str, headers: Mapping[str, str]) -> float | None:
    """Return the seconds until a time, or of a time span."""
    if _NUMBER.fullmatch(value):
        number = float(value)
        if number < _YEAR_2001_S:
            return number
        since_1970_s = number / 1000 if number >= _YEAR_2001_MS else number
        return max(0.0, since_1970_s - _now(headers).timestamp())
    if clock := _CLOCK.fullmatch(value):
        return int(clock[1]) * 3600 + int(clock[2]) * 60 + float(clock[3])
    parts = _PARTS.findall(value)
    if parts and "".join(number + unit for number, unit in parts) == value:
        return sum(float(number) * _UNITS_S[unit] for number, unit in parts)
    try:
        when = datetime.fromisoformat(value)
        return max(0.0, ((when if when.tzinfo else when.replace(tzinfo=UTC)) - _now(headers)).total_seconds())
    except ValueError:
        return retry_after_s(value, now=_now(headers))


def _now(headers: Mapping[str, str]) -> datetime:
    try:
        when = parsedate_to_datetime(headers.get("Date", ""))
    except ValueError:
        return datetime.now(UTC)
    return when if when.tzinfo else when.replace(tzinfo=UTC)
