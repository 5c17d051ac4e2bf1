"""Servers with several visitors in one process: which of them runs here, and which visitor it names.

A framework that is installed or imported, and does not serve, changes nothing. A visitor is known by the framework's
own object for the visit, never by an identifier: browsers send some of those.
"""

from __future__ import annotations

import gc
import os
import sys
import threading
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nbauth.process.web_frameworks import (
    ANSWERING,
    APPLICATION,
    FRAMEWORKS,
    LOADED,
    NOBODY,
    NOTEBOOK,
    RUNNING,
    SMALL,
    STEPS,
    Visit,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from nbauth.process.web_frameworks import Framework, Told

__all__ = ["Unnamed", "Visitor", "named_here"]

_BADGE = "_nbauth_visitor"


class Visitor:
    """A visitor of a server. Each visit is another visitor; two are equal only if they are one object.

    Args:
        server: the framework.
        visit: its own object for the visit.
        is_over: tells of that object that the visit has ended.
    """

    def __init__(self, server: str, visit: object, is_over: Callable[[Any], bool]) -> None:
        self.server = server
        self._visit = weakref.ref(visit)
        self._is_over = is_over

    def __repr__(self) -> str:
        return f"<a visitor of {self.server}>"

    @property
    def is_over(self) -> bool:
        """Whether the visit has ended."""
        visit = self._visit()
        try:
            return visit is None or self._is_over(visit)
        except Exception:  # noqa: BLE001 - a version of the framework that is not known: it is over when it is let go
            return False

    def is_of(self, visit: object) -> bool:
        """Tell whether this is the visitor of a framework's object; a copy of it is another one."""
        return self._visit() is visit


@dataclass(frozen=True)
class Unnamed:
    """A server with several visitors does not tell whose visit this is.

    Attributes:
        server: what serves.
        next_step: what helps.
    """

    server: str
    next_step: str


class _Seen:
    """How many modules were loaded when no server's was among them."""

    modules = -1


def named_here() -> Visitor | Unnamed | None:
    """Ask the frameworks that are loaded whose visit the calling thread is in; None where nothing serves visitors."""
    # Asked with every token. A framework brings dozens of modules, so that the number tells whether one has come.
    count = len(sys.modules)
    if count == _Seen.modules:
        return None
    if sys.modules.keys().isdisjoint(LOADED):
        _Seen.modules = count
        return None
    unnamed: Unnamed | None = None
    for framework in FRAMEWORKS:
        module = sys.modules.get(framework.module)
        told = None if module is None else _told(framework, module)
        if isinstance(told, Visit):
            visitor = _visitor(framework.name, told)
            if visitor is not None:
                return visitor
            told = NOBODY
        if told is not None and unnamed is None:
            unnamed = Unnamed(framework.name, framework.next_step)
    return unnamed or _served_here()


def _told(framework: Framework, module: Any) -> Told:
    try:
        return framework.tells(module)
    except Exception:  # noqa: BLE001 - a version of it that is not known: what cannot be asked names nobody
        return NOBODY if _served_here() else None


def _visitor(server: str, visit: Visit) -> Visitor | None:
    """Return the visitor of a framework's object, the same one each time; None where it can bear no badge."""
    attributes = getattr(visit.of, "__dict__", None)
    if attributes is None:
        return None
    visitor = attributes.get(_BADGE)
    if visitor is None or not visitor.is_of(visit.of):
        with _badges:
            visitor = attributes.get(_BADGE)
            if visitor is None or not visitor.is_of(visit.of):
                visitor = attributes[_BADGE] = Visitor(server, visit.of, visit.is_over)
    return visitor  # type: ignore[no-any-return]


_badges = threading.Lock()


def _served_here() -> Unnamed | None:
    """Tell whether this thread answers a request, or belongs to a process that serves.

    Where another thread than the main one runs a server, as in a notebook or a test, the main thread stays the one
    person's, and so does a cell that runs elsewhere. The threads that others start may be for any visitor.
    """
    here, main = threading.get_ident(), threading.main_thread().ident
    own = sys._getframe()  # noqa: SLF001 - of this thread
    server = _on(own, {**RUNNING, **ANSWERING, **SMALL})
    if server is None and here != main:
        frames = _all_stacks()
        server = _on(frames.get(main), {**RUNNING, **SMALL})
        if server is None and _on(own, NOTEBOOK) is None:
            server = next(filter(None, (_on(frame, RUNNING) for frame in frames.values())), None)
    return None if server is None else Unnamed(server, STEPS.get(server, APPLICATION))


def _all_stacks() -> dict[int | None, FrameType]:
    """Return the stack of each thread.

    Python 3.11 and 3.12 make them under a lock of the interpreter's, and may collect garbage meanwhile: what that
    frees may wait for the same lock, for ever (https://github.com/python/cpython/issues/106883).
    """
    with _collecting:
        was_enabled = gc.isenabled()
        gc.disable()
        try:
            frames: dict[int | None, FrameType] = getattr(sys, "_current_frames", dict)()
        finally:
            if was_enabled:
                gc.enable()
    return frames


_collecting = threading.Lock()  # two threads at once would each undo what the other one set


def _after_fork() -> None:
    global _collecting  # noqa: PLW0603 - a thread of the parent may have held it
    _collecting = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _on(frame: FrameType | None, modules: dict[str, str]) -> str | None:
    """Return which of the modules is on a stack; a framework rather than the server that it runs on."""
    server: str | None = None
    while frame is not None:
        name = str(frame.f_globals.get("__name__"))
        while name:
            if name in modules:
                server = modules[name]
                if server in STEPS:
                    return server
                break
            name = name.rpartition(".")[0]
        frame = frame.f_back
    return server
