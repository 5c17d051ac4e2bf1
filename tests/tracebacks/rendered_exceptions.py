"""Everything that whoever renders an exception can print of it: rich, pytest -l, Sentry, cgitb, %debug."""

from __future__ import annotations

import dataclasses
import pprint
import reprlib
from typing import TYPE_CHECKING, Any

from rich.pretty import pretty_repr
from rich.traceback import Traceback

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["leaks", "shown_of"]

_HERE = __file__.rpartition("/")[0]
_SHORT = 12  # what a renderer that cuts texts leaves of one


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Every exception that can be reached, a suppressed context and those in arguments too."""
    seen: dict[int, BaseException] = {}
    further: list[Any] = [error]
    while further:
        one = further.pop()
        if not isinstance(one, BaseException) or id(one) in seen:
            continue
        seen[id(one)] = one
        yield one
        further += [one.__cause__, one.__context__, *one.args, getattr(one, "reason", None)]
        further += getattr(one, "exceptions", ())


def _values(error: BaseException) -> Iterator[tuple[str, Any]]:
    for one in _chain(error):
        kind = type(one).__name__
        yield f"{kind}.args", one.args
        yield f"{kind}.__notes__", getattr(one, "__notes__", ())
        for name, value in vars(one).items():
            yield f"{kind}.{name}", value
            request = value if name == "request" else getattr(value, "request", None)
            if request is not None:  # of requests' exceptions and answers
                yield f"{kind}.{name}.request", [dict(request.headers), getattr(request, "body", None), request.url]
        traceback = _below_the_test(one)
        while traceback is not None:
            code = traceback.tb_frame.f_code
            for name, value in traceback.tb_frame.f_locals.items():
                yield f"{kind} > {code.co_filename.rpartition('/')[2]}:{code.co_name}.{name}", value
            traceback = traceback.tb_next


def _ways(value: Any) -> Iterator[str]:
    """The ways in which renderers write a value."""
    yield repr(value)
    yield str(value)
    yield reprlib.repr(value)
    yield pprint.pformat(value, width=10_000)
    yield pretty_repr(value, max_width=10_000)
    yield pretty_repr(value, max_width=10_000, max_string=_SHORT * 4)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        yield repr(vars(value)) if hasattr(value, "__dict__") else ""


def shown_of(error: BaseException) -> dict[str, str]:
    """Return what can be printed of an exception, by where it stands."""
    shown: dict[str, str] = {}
    for place, value in _values(error):
        text = "\n".join(_ways(value)) if not isinstance(value, str) or type(value) is not str else value
        shown[place] = shown.get(place, "") + text
    for length in (None, _SHORT * 4):
        trace = Traceback.extract(
            type(error),
            error,
            _below_the_test(error),
            show_locals=True,
            locals_max_length=None,  # type: ignore[arg-type]  # rich takes it for no limit
            locals_max_string=length,  # type: ignore[arg-type]
        )
        # What rich would print, without the source beside it.
        values = [
            str(node) for stack in trace.stacks for frame in stack.frames for node in (frame.locals or {}).values()
        ]
        shown[f"rich, cut at {length}"] = "\n".join([*values, *(str(stack.exc_value) for stack in trace.stacks)])
    return shown


def _below_the_test(error: BaseException) -> Any:
    """The traceback from the first frame on that is not of these tests: what they hold themselves is theirs."""
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_frame.f_code.co_filename.startswith(_HERE):
        traceback = traceback.tb_next
    return traceback


def leaks(error: BaseException, secrets: Iterable[str]) -> list[str]:
    """Return where in an exception a secret stands, whole or a part that a cut leaves."""
    parts = {part for secret in secrets for part in (secret[: _SHORT * 2], secret[-40:-8]) if len(part) >= _SHORT}
    return sorted(place for place, text in shown_of(error).items() if any(part in text for part in parts))
