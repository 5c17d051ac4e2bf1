"""What a document says of a job behind it: its state, its number, where it is asked for, and where its result is.

Services differ in the words and agree in the pattern: Azure Resource Manager, Microsoft's REST guidelines (``Running``,
``Succeeded``, ``properties.output``), Databricks (``status.state``), BigQuery (``jobComplete``),
Snowflake (``statementStatusUrl``), Athena (``QueryExecution.Status.State``), Trino (``stats.state``, ``nextUri``),
Elasticsearch (``is_running``), Durable Functions (``runtimeStatus``, ``statusQueryGetUri``), OGC API Processes
(``status`` with ``accepted`` and ``successful``, ``links``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from nbauth.data.paging.job_words import (
    ABOUT,
    ASIDE,
    ERROR_WORDS,
    FLAGS,
    HOLDERS,
    JOB_IDS,
    JOBS,
    OTHER_LINKS,
    PHASES,
    QUERY_IDS,
    RESULT_LINKS,
    RUNS,
    STATES,
    STATUS_LINKS,
    TELLING,
    TIMES,
    WAITING,
)  # fmt: skip
from nbauth.data.paging.names import ROWS, plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from nbauth.data.paging.job_words import Phase
    from nbauth.data.parse.lazy_json import Node

__all__ = ["Job", "job_in"]

_OUTPUTS = ROWS | {"output", "outputs", "response", "payload"}
_SOME: list[Any] = [...]  # a list that holds something; nobody looks at what
_DEPTH = 4
_LINKS_SIZE = 10_000  # bytes
_INSIDE = ("properties", "links")
_LARGE, _MANY = 100_000, 100  # bytes and members of an object that is no description of a job


@dataclass(frozen=True)
class Job:
    """A document with the state of a job, or what may be one.

    Attributes:
        content: its members; of lists only whether they are empty.
    """

    content: Mapping[str, Any]

    @cached_property
    def values(self) -> list[tuple[str, Any]]:
        """What stands in it, each under its plain name, the outer ones first."""
        return list(_values(self.content, _DEPTH))

    @cached_property
    def state(self) -> str | None:
        """The state, as the service words it; where it words several, the most telling."""
        if self.is_flagged:
            return RUNS["jobcomplete", False]
        said = [value for name, value in self.values if name in STATES and isinstance(value, str)]
        said += [RUNS[name, value] for name, value in self.values if value is True and (name, value) in RUNS]
        known = {PHASES.get(plain(value)): value for value in reversed(said)}
        return known.get("failed") or known.get("running") or known.get("done") or next(iter(said), None)

    @cached_property
    def phase(self) -> Phase | None:
        """Where the job is; None where nothing tells."""
        if self.is_flagged:
            return "running"
        return None if self.state is None else PHASES.get(plain(self.state))

    @cached_property
    def is_flagged(self) -> bool:
        """Whether a flag says that it runs, which means that whatever rows are there are not all."""
        names = {name: value for name, value in reversed(self.values) if isinstance(value, bool)}
        if names.get("isrunning") is True and "ispartial" in names:  # Elasticsearch
            return True
        return names.get("jobcomplete") is False and (self.has_job_id or self.is_only_about_itself)

    @cached_property
    def query_id(self) -> str | None:
        """The number of a query."""
        return self._first(QUERY_IDS)

    @cached_property
    def number(self) -> str | None:
        """The number of a query or a job, or whatever is called ``id``."""
        return self._first((*QUERY_IDS, *JOB_IDS, "id"))

    @cached_property
    def has_job_id(self) -> bool:
        """Whether it has a number that only a query or a job has."""
        return self._first((*QUERY_IDS, *JOB_IDS)) is not None

    @cached_property
    def has_own_state(self) -> bool:
        """Whether the number and the state stand side by side, as in a job's own document."""
        return "id" in self.content and any(plain(name) in STATES for name in self.content)

    @cached_property
    def region(self) -> str | None:
        """The region of the job, where its address has to name that (BigQuery's ``jobReference.location``)."""
        reference = self.content.get("jobReference")
        return reference.get("location") if isinstance(reference, dict) else None

    @cached_property
    def status_link(self) -> str | None:
        """Where the state is asked for."""
        return self._link(STATUS_LINKS)

    @cached_property
    def other_link(self) -> str | None:
        """A link that may lead to the state, to the result or to neither."""
        return self._link(OTHER_LINKS)

    @cached_property
    def result_link(self) -> str | None:
        """Where the result is."""
        return self._link(RESULT_LINKS)

    @cached_property
    def has_rows(self) -> bool:
        """Whether something stands in it that can be rows."""
        return any(value is _SOME and name not in ASIDE for name, value in self.values)

    @cached_property
    def has_no_rows(self) -> bool:
        """Whether it says that there are none: where they would be is an empty list."""
        return any(value == [] and name in ROWS for name, value in self.values)

    @cached_property
    def has_several(self) -> bool:
        """Whether it stands for several statements, each with a result of its own (Snowflake)."""
        return any(value is _SOME and name == "statementhandles" for name, value in self.values)

    @cached_property
    def has_files(self) -> bool:
        """Whether the rows are in files elsewhere (Databricks' external links)."""
        return self.query_id is not None and any(name == "externallinks" and value for name, value in self.values)

    @cached_property
    def is_only_about_itself(self) -> bool:
        """Whether nothing stands in it but what is said of a job."""
        return not self.has_rows and all(
            value in (None, [], {}) or _is_about(name, value) for name, value in self.content.items()
        )

    @cached_property
    def is_only_of_waiting(self) -> bool:
        """Whether nothing stands in it but that something is waited for, so that it can be nobody's row."""
        return self.is_only_about_itself and self._says_no_more_than(WAITING)

    @cached_property
    def is_only_of_times(self) -> bool:
        """Whether nothing stands in it but that, and when it began."""
        return self.is_only_about_itself and self._says_no_more_than(WAITING | TIMES | frozenset(OTHER_LINKS))

    def _says_no_more_than(self, words: frozenset[str]) -> bool:
        return all(
            value in (None, [], {}) or plain(name) not in ABOUT or plain(name) in words
            for name, value in self.content.items()
        )

    def is_kind_of(self, other: Job) -> bool:
        """Tell whether it is a job's own document, as another one was, and not the result."""
        if self.is_only_about_itself or len(other.content) < 2 or not other.content.keys() <= self.content.keys():  # noqa: PLR2004
            return self.is_only_about_itself
        new = ((name, value) for name, value in self.content.items() if name not in other.content)
        return all(not isinstance(value, (dict, list)) or not value or _is_about(name, value) for name, value in new)

    @cached_property
    def output(self) -> tuple[str, ...] | None:
        """The path of the one member that holds the result, beside what is said of the job."""
        properties = self.content.get("properties")
        if isinstance(properties, dict) and properties.get("output"):
            return ("properties", "output")
        others = [name for name, value in self.content.items() if value and not _is_about(name, value)]
        if len(others) != 1 or plain(others[0]) not in _OUTPUTS:
            return None
        return (others[0],) if isinstance(self.content[others[0]], (dict, list)) else None

    @cached_property
    def words(self) -> str:
        """The service's own words about what went wrong."""
        return self._first(ERROR_WORDS) or ""

    def _first(self, names: tuple[str, ...]) -> str | None:
        """Return the first text or number that has one of these names."""
        return next(
            (
                str(value)
                for wanted in names
                for name, value in self.values
                if name == wanted and isinstance(value, (str, int)) and not isinstance(value, bool) and value != ""
            ),
            None,
        )

    def _link(self, names: tuple[str, ...]) -> str | None:
        return next(
            (
                value
                for wanted in names
                for name, value in self.values
                if name == wanted and isinstance(value, str) and (value.startswith("/") or "://" in value)
            ),
            None,
        )


def job_in(document: Node | None, *, is_accepted: bool) -> Job | None:
    """Return the job that a document tells of; None where no member's name is one of a job's, which is told at once.

    Args:
        document: the document; None where there is none.
        is_accepted: whether the status says that there is a job, whatever the document is.
    """
    members = {} if document is None else document.members()
    if not is_accepted and not any(plain(name) in TELLING for name in members):
        return None
    return Job({name: _outline(node, _DEPTH - 1, name) for name, node in members.items()})


def _is_about(name: str, value: Any) -> bool:
    word = plain(name)
    if word in STATES or word in ABOUT or word in QUERY_IDS or word in JOB_IDS:
        return True
    if isinstance(value, bool):
        return word in FLAGS
    if isinstance(value, str):
        return word in STATUS_LINKS or word in RESULT_LINKS
    if not isinstance(value, dict):
        return False
    return word in JOBS or (word in _INSIDE and all(_is_about(inner, item) for inner, item in value.items()))


def _outline(node: Node, depth: int, name: str) -> Any:
    if node.is_list:
        is_small = plain(name) == "links" and node.size < _LINKS_SIZE
        return [] if node.is_empty else node.value() if is_small else _SOME
    if not node.is_object:
        return node.value()
    if node.size > _LARGE or len(node.members()) > _MANY:
        return _SOME
    return {inner: _outline(child, depth - 1, inner) for inner, child in node.members().items()} if depth else {}


def _values(content: Mapping[str, Any], depth: int) -> Iterator[tuple[str, Any]]:
    for name, value in content.items():
        yield plain(name), value
    for name, value in content.items():
        word = plain(name)
        if isinstance(value, dict) and isinstance(value.get("href"), str):  # HAL
            yield word, value["href"]
        elif isinstance(value, dict) and depth and (word in HOLDERS or word in STATES or word in ERROR_WORDS):
            yield from _values(value, depth - 1)
        elif word == "links" and isinstance(value, list):  # each with a relation, as OGC and others write them
            for link in value:
                if isinstance(link, dict):
                    yield plain(re.split(r"[/#]", str(link.get("rel", "")))[-1]), link.get("href")
