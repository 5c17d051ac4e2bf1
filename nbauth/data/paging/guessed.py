"""Requests that nobody has named yet: those whose URLs go on as the last two do, in one growing number."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, overload
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbauth.data.fetch.request import PageRequest

__all__ = ["Guessed", "Guesser"]

_NUMBER = re.compile(r"([0-9]+)", re.ASCII)
_MOST_DIGITS = 15
_MANY = 1_000_000
_SECOND_PAGE = (1, 2)


@dataclass(frozen=True)
class Guessed(Sequence["PageRequest"]):
    """A request and those that seem to follow it.

    Attributes:
        first: the request.
        parts: what its URL has in front of the number and behind it.
        number: the number of the first request.
        step: by how much it grows.
    """

    first: PageRequest
    parts: tuple[str, str]
    number: int
    step: int

    def __len__(self) -> int:
        return _MANY

    @overload
    def __getitem__(self, index: int) -> PageRequest: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[PageRequest]: ...
    def __getitem__(self, index: int | slice) -> PageRequest | Sequence[PageRequest]:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self)))]
        before, after = self.parts
        return replace(self.first, url=f"{before}{self.number + index * self.step}{after}")


class Guesser:
    """Looks at the requests of a load, in order, until it can tell how they go on.

    Args:
        before: the first one.
    """

    def __init__(self, before: PageRequest) -> None:
        self._before = before
        self._step: int | None = None

    def saw(self, request: PageRequest, count: Callable[[], int]) -> Guessed | None:
        """Return a request and those that seem to follow it.

        They do where its URL differs from the one before it in one number: by 1, as pages are counted, by the number of
        rows, as offsets are, or by as much as the one before it did. Or it has one parameter more, which is such a
        number.

        Args:
            request: the request.
            count: returns how many rows the page has that named it.
        """
        before, self._before = self._before, request
        last_step, self._step = self._step, None
        if request.body is not None or request.verb != "GET" or replace(before, url=request.url) != request:
            return None
        guessed = _difference(before.url, request)
        if guessed is None:
            return _added(before.url, request, count)
        self._step = guessed.step
        return guessed if guessed.step in (1, last_step) or guessed.step == _counted(count) else None


def _counted(count: Callable[[], int]) -> int | None:
    with suppress(ValueError, RecursionError):
        return count()
    return None  # it is no JSON; whoever decodes it says so


def _added(before: str, request: PageRequest, count: Callable[[], int]) -> Guessed | None:
    """Return how a URL goes on that has one number more than another one, as for the second page; None for others."""
    (path, _, query), (next_path, _, next_query) = before.partition("?"), request.url.partition("?")
    here, there = [part for part in query.split("&") if part], next_query.split("&")
    added = [place for place, part in enumerate(there) if part not in here]
    if path != next_path or len(added) != 1 or len(there) != len(here) + 1:
        return None
    (place,) = added
    name, _, text = there[place].partition("=")
    if not text.isascii() or not text.isdecimal() or len(text) > _MOST_DIGITS or text != str(int(text)):
        return None
    number = int(text)
    if number not in _SECOND_PAGE and (not number or number != _counted(count)):
        return None
    parts = "&".join([*there[:place], f"{name}="]), "".join(f"&{part}" for part in there[place + 1 :])
    return Guessed(request, (f"{path}?{parts[0]}", parts[1]), number, 1 if number in _SECOND_PAGE else number)


def _difference(before: str, request: PageRequest) -> Guessed | None:
    """Return how a request's URL differs from another one in a growing number; None where it does otherwise."""
    here, there = _NUMBER.split(before), _NUMBER.split(request.url)
    if len(here) != len(there) or urlsplit(before)[:2] != urlsplit(request.url)[:2]:
        return None
    places = [place for place, (one, other) in enumerate(zip(here, there, strict=True)) if one != other]
    if len(places) != 1 or places[0] % 2 == 0:
        return None
    (place,) = places
    texts = here[place], there[place]
    numbers = [int(text) for text in texts if len(text) <= _MOST_DIGITS]
    if tuple(map(str, numbers)) != texts or numbers[1] <= numbers[0]:
        return None
    parts = "".join(there[:place]), "".join(there[place + 1 :])
    return Guessed(request, parts, numbers[1], numbers[1] - numbers[0])
