"""Servers with several visitors in one process: which of them runs here, and which visitor it names.

A framework that is installed or imported, and does not serve, changes nothing. A visitor is known by the framework's
own object for the visit, never by an identifier: browsers send some of those.
"""

from __future__ import annotations

import functools
import gc
import os
import sys
import threading
import time
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

__all__ = ["Unnamed", "Visitor", "all_stacks", "named_here"]

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
    own = _modules_of(sys._getframe())  # noqa: SLF001 - of this thread
    server = _on(own, {**RUNNING, **ANSWERING, **SMALL})
    if server is None and here != main:
        stacks = all_stacks()
        server = _on(stacks.get(main, []), {**RUNNING, **SMALL})
        if server is None and _on(own, NOTEBOOK) is None:
            server = next(filter(None, (_on(stack, RUNNING) for stack in stacks.values())), None)
    return None if server is None else Unnamed(server, STEPS.get(server, APPLICATION))


def all_stacks() -> dict[int | None, list[str]]:
    """Return the modules on the stack of each thread.

    Python 3.11 may collect garbage whenever it makes a frame object. What that frees may let another thread go on: then
    the frame that was to be made an object may be gone, which ends the process. Or it waits, for ever, for the lock
    that `sys._current_frames` holds (https://github.com/python/cpython/issues/106883; 3.12, too). So nobody collects
    while the stacks are read.
    """
    with _reading:
        was_enabled = gc.isenabled()
        gc.disable()
        try:
            _collection().wait()
            frames: dict[int | None, FrameType] = getattr(sys, "_current_frames", dict)()
            return {thread: _modules_of(frame) for thread, frame in frames.items()}
        finally:
            if was_enabled:
                gc.enable()


class _Collection:
    """A collection of garbage that is going on."""

    PATIENCE_S = 0.2  # what is freed may wait for us

    def __init__(self) -> None:
        self._collector: int | None = None
        gc.callbacks.append(self._note)

    def _note(self, phase: str, _info: dict[str, int]) -> None:
        self._collector = threading.get_ident() if phase == "start" else None

    def wait(self) -> None:
        """Wait until no other thread is in the middle of one."""
        end = time.monotonic() + self.PATIENCE_S
        while self._collector not in (None, threading.get_ident()) and time.monotonic() < end:
            time.sleep(0.0005)


_collection = functools.cache(_Collection)  # not for those who never serve
# Two threads at once would each undo what the other one set. What is freed meanwhile may ask again, in this thread.
_reading = threading.RLock()


def _after_fork() -> None:
    global _reading  # noqa: PLW0603 - a thread of the parent may have held it
    _reading = threading.RLock()
    _collection.cache_clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _modules_of(frame: FrameType | None) -> list[str]:
    """Return the names of a stack's modules, the innermost first, each once for calls within it."""
    names: list[str] = []
    while frame is not None:
        name = str(frame.f_globals.get("__name__"))
        if not names or names[-1] != name:
            names.append(name)
        frame = frame.f_back
    return names


def _on(stack: list[str], modules: dict[str, str]) -> str | None:
    """Return which of the modules is on a stack; a framework rather than the server that it runs on."""
    server: str | None = None
    for module in stack:
        name = module
        while name:
            if name in modules:
                server = modules[name]
                if server in STEPS:
                    return server
                break
            name = name.rpartition(".")[0]
    return server
