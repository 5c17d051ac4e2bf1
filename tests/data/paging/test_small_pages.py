"""Whoever waits for small pages is told how to ask for larger ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from loads import read
from played_api import Answer, session_of

from nbauth.data.paging import small_pages

if TYPE_CHECKING:
    from played_api import Asked

GRAPH = "https://graph.microsoft.com/v1.0/users"
DATAVERSE = "https://contoso.crm4.dynamics.com/api/data/v9.2/accounts"
PREFER = 'headers={"Prefer": "odata.maxpagesize=5000"}'


class Watch:
    """A progress that remembers hints."""

    def __init__(self) -> None:
        self.hints: list[str] = []

    def hint(self, text: str) -> None:
        """Remember one."""
        self.hints.append(text)

    def update(self, **_: Any) -> None:
        """Forget it."""

    wait = finish = lambda *_: None


def _hints(url: str, *, size: int = 100, count: int = 12, member: str = "@odata.nextLink", **options: Any) -> list[str]:
    origin = "/".join(url.split("/")[:3])

    def api(asked: Asked) -> Answer:
        number = int(asked.query.get("$skiptoken", 1))
        more = {member: f"{origin}{asked.path}?$skiptoken={number + 1}"} if number < count else {}
        rows = [{"id": number * size + row} for row in range(size)]
        return Answer({"value": rows, **({"@odata.context": "x"} if member.startswith("@") else {}), **more})

    watch = Watch()
    with session_of(api, origin) as session:
        assert len(read(session, url, progress=watch, **options)) == size * count
    return watch.hints


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take every load for one that waits."""
    monkeypatch.setattr(small_pages, "_WORTH_SAYING_S", -1.0)
    monkeypatch.setattr(small_pages, "_MOST_OF", -1.0)


@pytest.mark.usefixtures("slow")
@pytest.mark.parametrize(
    ("url", "step"),
    [
        (GRAPH, 'params={"$top": 999}'),
        ("https://contoso.sharepoint.com/_api/web/lists", 'params={"$top": 5000}'),
        (DATAVERSE, PREFER),
    ],
)
def test_how_larger_ones_come(url: str, step: str) -> None:
    """The hint has what the service takes; it comes once."""
    assert _hints(url) == [f"pages of 100 rows take long; larger ones: {step}"]


@pytest.mark.usefixtures("slow")
@pytest.mark.parametrize(
    "options",
    [
        {"params": {"$top": 100}},
        {"headers": {"Prefer": "odata.maxpagesize=100"}},
        {"count": 9},
        {"size": 501},
        {"member": "next"},
    ],
    ids=["top", "prefer", "few", "large", "no OData"],
)
def test_nothing_to_say(options: dict[str, Any]) -> None:
    """Whoever said a size is told nothing; nor where pages are few or large, or it is no OData."""
    assert _hints(DATAVERSE, **options) == []


def test_a_load_that_does_not_wait() -> None:
    """A load that is soon over, or does not wait for most of its time, says nothing."""
    assert _hints(GRAPH) == []


@pytest.mark.usefixtures("slow")
def test_several_urls() -> None:
    """Of several URLs one hint comes."""
    watch = Watch()

    def api(asked: Asked) -> Answer:
        number = int(asked.query.get("n", 1))
        more = {"@odata.nextLink": f"{asked.path}?n={number + 1}"} if number < 12 else {}
        return Answer({"@odata.context": "x", "value": [{"id": number}], **more})

    with session_of(api) as session:
        read(session, ["https://api.example/a", "https://api.example/b"], progress=watch)
    assert watch.hints == [f"pages of 1 row take long; larger ones: {PREFER}"]
