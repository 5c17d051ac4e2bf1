"""What members of an answer say that it failed: their names, and the values that mean it.

The names are in their plain form: ``ErrorMessage`` and ``error_message`` are one. The values are what services send
where all is well, too: ``"error": ""``, ``"errcode": 0`` with ``"errmsg": "ok"``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from nbauth.data.paging.names import plain
from nbauth.data.paging.page_response import whole_number

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "FLAGS",
    "LISTED",
    "PROBLEMS",
    "SAID",
    "holds_error",
    "is_error_alone",
    "is_problem",
    "is_severe",
    "says_failure",
    "says_something",
    "words_in",
]

# Members that are there, or hold something, for an error alone.
_ERRORS = frozenset({
    "error", "odataerror", "fault", "exception", "errors", "errormessages", "exceptions", "oneapierrors", "errorlist",
    "errormessage", "errormsg", "errmsg", "errordescription", "errordetail", "errortext", "errorcode", "errcode",
    "errordetails", "errorresult", "errorinfo", "errno",
})  # fmt: skip
LISTED = frozenset({"error", "errors", "exceptions", "errormessages"})  # what rows may be called, too
_CODES = frozenset({"errorcode", "errcode", "errno"})  # 0 where all is well
# Texts, which may be there where all is well.
TOLD = ("message", "msg", "errormessage", "errmsg", "errordescription", "errordetail", "detail", "reason", "remark",
        "resultmsg", "resultmessage", "statusmessage", "returnmessage")  # fmt: skip
NOTED = ("note", "information")
SAID = (*TOLD, "description", "title", *NOTED)
_WORDS = (*SAID, "text", "diagnostics", "faultstring", "info", "value", "error")
_SUCCESS = frozenset({"success", "ok", "succeeded", "issuccess", "successful", "issuccessful", "isok"})
_FAILURE = frozenset({"iserror", "haserror", "haserrors", "isfailure", "failure", "failed", "isfailed"})
_STATES = frozenset({"status", "state", "stat", "result", "outcome", "responsestatus", "resultstatus"})
_FAILED = frozenset({"error", "fail", "failure", "fault", "exception", "ko", "nok", "notok"})
_OF_JOBS = frozenset({"failed", "errored"})  # what is said of jobs, too
_KINDS = frozenset({"type", "kind", "object", "resourcetype"})
_ERROR_KINDS = frozenset({"error", "errorresponse", "operationoutcome", "exception", "fault"})  # the third is FHIR's
# Numbers: an HTTP status, or a service's own code.
_NUMBERS = frozenset({
    "status", "statuscode", "code", "cod", "httpstatus", "httpstatuscode", "httpcode", "resultcode", "returncode",
    "retcode",
})  # fmt: skip
FLAGS = _SUCCESS | _FAILURE | _STATES | _KINDS | _NUMBERS | {"remark"}
_NOTHING = frozenset({
    "", "0", "ok", "okay", "none", "no", "na", "null", "nil", "false", "success", "successful", "succeeded", "noerror",
    "noerrors", "normal", "done", "completed",
})  # fmt: skip
_BAD = re.compile(
    r"error|fail|time[d-]?\s?out|exceeded|denied|unavailable|not allowed|unauthori|forbidden|try again|exception|abort"
    r"|throttl",
    re.IGNORECASE,
)
_MAYBE_BAD = re.compile(
    r"limit|exceed|too many|invalid|unable|cannot|can't|could not|expired|refused|frequency", re.IGNORECASE
)
_GOOD = re.compile(
    r"\b(?:no|without|zero|0)\s+(?:\w+\s+)?(?:errors?|failures?|exceptions?|results?|rows?|records?|data|items?|match\w*)\b",
    re.IGNORECASE,
)
# As Google's Maps and the US Bureau of Labor Statistics say it, beside an empty list.
_REFUSED = re.compile(r"_(DENIED|ERROR|FAILED|LIMIT|EXCEEDED|NOT_PROCESSED)$|^(INVALID|UNKNOWN)_")
# What says nothing but an error: a code with words for it, and what may stand beside them.
_CODES_OF_WORDS = _CODES | {"code", "resultcode", "returncode", "retcode", "msgcode"}
_WORDS_OF_CODES = frozenset({"message", "msg", "errormessage", "errmsg"})
_BESIDE_CODES = frozenset({
    "requestid", "traceid", "correlationid", "hostid", "timestamp", "time", "path", "url", "helpurl", "moreinfo",
    "moreinfourl", "documentationurl", "docurl", "details", "detail", "errors", "resource", "target", "innererror",
    "status", "data", "result", "success",
})  # fmt: skip
_WELL = re.compile(
    r"\b(?:ok|success\w*|succe\w+|done|complete\w*|created|accepted|normal|ready|running)\b", re.IGNORECASE
)
_OF_PROBLEMS = frozenset({"type", "title", "detail", "instance", "status"})  # RFC 9457 §3.1
PROBLEMS = ("application/problem+json", "application/vnd.error+json")
_NOT_FOUND, _FIRST_ERROR, _LAST_ERROR = 404, 400, 599


def holds_error(key: str, value: Any, *, has_words: bool, is_well: bool) -> bool:
    """Tell whether a member for errors holds one.

    Args:
        key: its plain name.
        value: what it holds.
        has_words: whether a text beside it may tell of the error, or nothing but such members is there.
        is_well: whether a code beside it is 0.
    """
    if key not in _ERRORS or (is_well and key not in LISTED and not isinstance(value, (dict, list))):
        return False
    if isinstance(value, str):
        return plain(value) not in _NOTHING and not (key in _CODES and _is_code_of_success(value))
    if type(value) in (bool, int):
        return bool(value) and (value is True or key in _CODES or key == "error") and has_words
    return bool(value) and not isinstance(value, float)


def is_error_alone(members: Mapping[str, Any]) -> bool:
    """Tell whether an object is nothing but an error: a code with words for it, or a word in a member for errors.

    Args:
        members: its values, by plain names; None for what is neither text nor a number.
    """
    if members.keys() == {"error"}:  # "no" is no word for "none" where nothing else is said
        return isinstance(members["error"], str) and members["error"].lower() == "no"
    codes, words = members.keys() & _CODES_OF_WORDS, members.keys() & _WORDS_OF_CODES
    if not codes or not words or not members.keys() <= _CODES_OF_WORDS | _WORDS_OF_CODES | _BESIDE_CODES:
        return False
    told = [members.get(name) for name in (*codes, *words, "status")]
    if any(isinstance(text, str) and _WELL.search(text) for text in told):
        return False
    is_said = any(says_something(members[name]) for name in words)
    return is_said and all(_is_code_of_error(members[name]) for name in codes)


def _is_code_of_error(value: Any) -> bool:
    if isinstance(value, str) and whole_number(value) is None:
        return plain(value) not in _NOTHING
    number = None if type(value) is bool else whole_number(value)
    return number is not None and number != 1 and not _is_code_of_success(number)


def is_problem(members: Mapping[str, Any]) -> bool:
    """Tell whether an object has the members of RFC 9457's problems, and no other.

    Args:
        members: its values, by plain names.
    """
    kind, title, detail = (members.get(name) for name in ("type", "title", "detail"))
    if not isinstance(kind, str) or not says_something(title) or not says_something(detail):
        return False
    return members.keys() <= _OF_PROBLEMS and (":" in kind or "/" in kind)


def _is_code_of_success(value: Any) -> bool:
    """Tell whether a code says that all is well: nothing but zeros, or an HTTP status of success."""
    number = whole_number(value) if type(value) is not bool else None
    return number is not None and (number == 0 or 200 <= number < 300)  # noqa: PLR2004 - RFC 9110 §15.3


def says_failure(key: str, value: Any, *, is_sure: bool, has_list: bool, has_rows: bool, is_void: bool) -> bool:
    """Tell whether a member says in a word, a number or a truth value that the answer is an error.

    Args:
        key: its plain name.
        value: what it holds.
        is_sure: whether it can be no row, of which such words may be said.
        has_list: whether there is a list of rows.
        has_rows: whether something is in it.
        is_void: whether null is where data would be, and words beside it.
    """
    if key in _SUCCESS and value in (0, "0", "false", "False", "no"):  # False is 0
        return True
    if key in _FAILURE and (value is True or value in ("true", "True")):  # a number counts what failed
        return True
    if key == "remark":  # Overpass's, beside a part of the rows
        return isinstance(value, str) and is_bad(value)
    number = whole_number(value) if key in _NUMBERS and type(value) is not bool else None
    if number is not None and not has_rows:
        is_status = _FIRST_ERROR <= number <= _LAST_ERROR and not (has_list and number == _NOT_FOUND)
        return is_status or (is_void and key != "status" and number not in (0, 1) and not _is_code_of_success(number))
    if not isinstance(value, str):
        return False
    failed: frozenset[str] | tuple[()] = _FAILED | _OF_JOBS if is_sure else _FAILED
    failed = failed if key in _STATES else _ERROR_KINDS if key in _KINDS else ()
    return plain(value) in failed or (key == "status" and not has_rows and bool(_REFUSED.search(value)))


def is_bad(text: str, *, has_list: bool = False) -> bool:
    """Tell whether a text tells of an error; beside a list without rows it may well tell why there are none."""
    return not _GOOD.search(text) and bool(_BAD.search(text) or (not has_list and _MAYBE_BAD.search(text)))


def is_severe(message: Any) -> bool:
    """Tell whether one of several messages tells of an error, as Splunk's do."""
    kinds = [message.get(name) for name in ("type", "severity", "level")] if isinstance(message, dict) else []
    return any(isinstance(kind, str) and kind.lower() in ("error", "fatal") for kind in kinds)


def says_something(value: Any) -> bool:
    """Tell whether a text says more than that all is well."""
    return isinstance(value, str) and plain(value) not in _NOTHING


def words_in(value: Any) -> str:
    """Return the service's own words in a value."""
    if isinstance(value, dict):
        inner = {plain(name): part for name, part in value.items()}
        nested = [part for part in value.values() if isinstance(part, (dict, list)) or " " in str(part)]
        said = next(filter(None, map(words_in, [*(inner.get(name) for name in _WORDS), *nested])), "")
        deeper = _inner_words(inner)
        if deeper and deeper not in said:
            said = f"{said} {deeper}".strip()
        code = inner.get("code", inner.get("errorcode"))
        code = "" if code is None or isinstance(code, (dict, list)) else str(code)
        return f"{said} ({code})" if said and code and code not in said else said or code
    if isinstance(value, list):
        return "; ".join(text for part in value[:3] if (text := words_in(part)))
    return value.strip() if isinstance(value, str) else ""


def _inner_words(members: dict[str, Any]) -> str:
    """Return what the innermost service says, where an error has others inside."""
    for name in ("innererror", "details", "causedby"):
        part = members.get(name)
        for error in part[:1] if isinstance(part, list) else [part]:
            if isinstance(error, dict):
                inner = {plain(key): value for key, value in error.items()}
                own = (inner.get(key) for key in ("message", "reason", "errormessage"))
                if said := _inner_words(inner) or next(filter(says_something, own), ""):
                    return said
    return ""
