"""Keeps secrets out of reprs and tracebacks: a text and a mapping that hide them, and functions that clear frames.

A traceback keeps every frame that an error passed through, with its variables. rich, `pytest -l`, Sentry, cgitb and
IPython's Verbose mode print them. MSAL, requests and urllib3 hold a request's secrets in plain variables, so that
no type of ours helps there. An error therefore leaves through a door (`@clears_frames`), which clears the variables
of all frames below it. The frames themselves stay: the traceback still tells files, lines and functions.
"""

from __future__ import annotations

import contextlib
import functools
import re
import sys
from typing import TYPE_CHECKING, Any, NoReturn, ParamSpec, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["HiddenMapping", "HiddenText", "Members", "can_be_sent", "clear_frames", "clears_frames"]

P = ParamSpec("P")
R = TypeVar("R")

_SHOWN = "***"
_VISIBLE = re.compile(r"[\x20-\x7e]+")  # RFC 6749 appendix A.12; a line break would end the header that it is put into


class HiddenText(str):
    """A secret that is a `str` for those who send it, and stays out of what prints variables.

    Its repr, and that of any part of it, is ``'***'``: rich cuts a long text before it asks for the repr. `str` of it
    is still hidden; what is made of it by other means, such as an f-string, is plain text.

    MSAL never gets one: it tells requests apart by the repr of what is in them.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(_SHOWN)

    def __str__(self) -> Self:
        return self

    def __getitem__(self, key: Any) -> HiddenText:
        return HiddenText(super().__getitem__(key))

    def __add__(self, other: str) -> HiddenText:
        return HiddenText(super().__add__(other))

    def __radd__(self, other: str) -> HiddenText:
        return HiddenText(str.__add__(other, self))

    def reveal(self) -> str:
        """Return it as a plain text."""
        return str.__str__(self)

    def strip(self, chars: str | None = None, /) -> HiddenText:
        """Strip as `str` does."""
        return HiddenText(super().strip(chars))

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret cannot be pickled")

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        self.__reduce__()


class HiddenMapping:
    """Named values of which only the names can be seen: what MSAL returns, and what goes back to it.

    It is neither a dict nor a `collections.abc.Mapping`: rich, pytest and Sentry look into those.

    Args:
        members: the values.
    """

    __slots__ = ("_members",)

    def __init__(self, members: Mapping[str, Any]) -> None:
        self._members = dict(members)

    def __getitem__(self, name: str) -> Any:
        return self._members[name]

    def get(self, name: str, default: Any = None) -> Any:
        """Return a value, or the default where there is none of that name."""
        return self._members.get(name, default)

    def secret(self, name: str) -> HiddenText:
        """Return a value that is a secret."""
        return HiddenText(self._members[name])

    def __contains__(self, name: object) -> bool:
        return name in self._members

    def __bool__(self) -> bool:
        return bool(self._members)

    def __eq__(self, other: object) -> bool:
        return self._members == (other._members if isinstance(other, HiddenMapping) else other)

    __hash__ = None  # type: ignore[assignment]  # as a dict has none
    __iter__ = None  # what can be gone through is printed member by member

    def reveal(self) -> dict[str, Any]:
        """Return a copy as the plain dict that MSAL takes."""
        return dict(self._members)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(self._members)})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("secrets cannot be pickled")


Members = HiddenMapping | dict[str, Any]  # an answer, hidden or not yet


def can_be_sent(secret: object) -> bool:
    """Tell whether it is a text that a header can carry: the error of whoever encodes another one would quote it."""
    return isinstance(secret, str) and _VISIBLE.fullmatch(secret) is not None


def clears_frames(function: Callable[P, R]) -> Callable[P, R]:
    """Make a function a door: an error that leaves it takes no variable of the frames below along."""

    @functools.wraps(function)
    def door(*args: P.args, **kwargs: P.kwargs) -> R:
        outside = sys.exception()
        try:
            return function(*args, **kwargs)
        except BaseException as error:
            del args, kwargs  # this frame stays in the traceback
            try:
                clear_frames(error, outside=outside)
            except KeyboardInterrupt as interrupt:  # in the middle of it; the error is its context now
                clear_frames(interrupt, outside=outside)
                raise
            raise

    return door


def clear_frames(error: BaseException, *, outside: BaseException | None = None) -> None:
    """Clear the frames that an error came through, as far as they have ended, and those of all that led to it.

    A context that is suppressed is cut off: nobody is shown it, and it would keep MSAL's requests and answers.

    Args:
        error: the error.
        outside: what the caller was handling already; it, and what led to it, is the caller's own.
    """
    seen = {id(None), id(outside)}
    further: list[Any] = [error]
    while further:
        current = further.pop()
        if id(current) in seen or not isinstance(current, BaseException):
            continue
        seen.add(id(current))
        if current.__suppress_context__ and current.__context__ is not current.__cause__:
            _cut_context(current, outside)
        frame = current.__traceback__
        while frame is not None:
            with contextlib.suppress(RuntimeError):  # it has not ended: a caller's, above the door
                frame.tb_frame.clear()
            frame = frame.tb_next
        further += [current.__cause__, current.__context__, *getattr(current, "exceptions", ())]
        further += [
            *current.args,
            getattr(current, "reason", None),
        ]  # where requests and urllib3 keep what led to an error


def _cut_context(error: BaseException, outside: BaseException | None) -> None:
    context, seen = error.__context__, set()
    while context is not None and context is not outside and id(context) not in seen:
        seen.add(id(context))
        context = context.__context__
    error.__context__ = context if context is outside else None
