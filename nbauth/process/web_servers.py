"""Servers of several visitors in one process: which of them runs here, and whom it names. None is imported to ask.

A framework is one line in `_FRAMEWORKS`: the module that is loaded wherever it serves, and a function that gets the
module. It returns what lives as long as the visit, or tells that the framework serves and names nobody. A framework
that is installed or imported, and does not serve, changes nothing.

A visitor is known by the framework's own object for the visit, never by an identifier: browsers send some of those.
"""

from __future__ import annotations

import gc
import os
import sys
import threading
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

__all__ = ["Unnamed", "Visitor", "named_here"]

_BADGE = "_nbauth_visitor"


class Visitor:
    """Somebody who visits a server. Each visit is another one; equal is only what is the same.

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


@dataclass(frozen=True)
class _Visit:
    """What a framework tells.

    Attributes:
        of: its own object for the visit.
        is_over: tells of that object that the visit has ended.
    """

    of: object
    is_over: Callable[[Any], bool]


class _NamesNobody:
    """The framework serves, and names nobody here."""


_NOBODY = _NamesNobody()
_Told = _Visit | _NamesNobody | None


def _marimo(types: Any) -> _Told:
    # `marimo run` has a thread for each visitor, in one process; `marimo edit` a process for each notebook.
    context = types.safe_get_context()
    if context is None:
        return None
    while context.parent is not None:  # an app inside the notebook
        context = context.parent
    mode = getattr(context, "session_mode", None)
    if getattr(mode, "value", mode) != "run":
        return None
    # The context is copied for mo.Thread; the kernel is not. At the end its variables are cleared.
    return _Visit(context._kernel, lambda kernel: not kernel.globals)  # noqa: SLF001 - nothing public lasts as long


def _solara(kernel_context: Any) -> _Told:
    if not kernel_context.has_current_context():
        return None
    return _Visit(kernel_context.get_current_context(), lambda context: context.closed_event.is_set())


def _streamlit(runtime: Any) -> _Told:
    if not runtime.exists():
        return None  # imported, or a script that Python alone runs
    context = sys.modules["streamlit.runtime.scriptrunner_utils.script_run_context"]
    run = context.get_script_run_ctx(suppress_warning=True)
    if run is None:
        return _NOBODY
    sessions, session_id = runtime.get_instance()._session_mgr, run.session_id  # noqa: SLF001 - nothing public has it
    found = sessions.get_session_info(session_id)
    if found is None:
        return _NOBODY  # the page is closed, and its script still runs
    return _Visit(found.session, lambda session: _streamlits(sessions, session_id) is not session)


def _streamlits(sessions: Any, session_id: str) -> object:
    found = sessions.get_session_info(session_id)
    return None if found is None else found.session


def _panel(state: Any) -> _Told:
    # Its own variable and nothing else. What `bokeh.io.curdoc` returns is shared by all threads, and stays somebody's
    # after a callback has failed.
    document = state.state._curdoc.get()  # noqa: SLF001
    session = None if document is None else document.session_context
    return None if session is None else _Visit(session, lambda session: session.destroyed)


def _shiny(utils: Any) -> _Told:
    session = utils.get_current_session()
    if session is None:
        return None
    if session.is_stub_session():
        return _NOBODY  # the page is made for everybody
    return _Visit(session.root_scope(), lambda session: session._has_run_session_ended_tasks)  # noqa: SLF001


def _gradio(context: Any) -> _Told:
    # Its `session_hash` is what the browser chose.
    return None if context.LocalContext.request.get(None) is None else _NOBODY


def _flask(context: Any) -> _Told:
    return _NOBODY if context.has_request_context() or context.has_app_context() else None


def _always(_module: Any) -> _Told:
    return _NOBODY


_OWN_THREAD = "Use nbauth in the visitor's own thread"
_APPLICATION = (
    "Use a profile with client_secret or client_certificate, which is the application's own; with user_assertion it "
    "acts for each user."
)


@dataclass(frozen=True)
class _Framework:
    """A framework, the module that is loaded where it serves, what that tells, and what helps where it names nobody."""

    name: str
    module: str
    tells: Callable[[Any], _Told]
    next_step: str = _APPLICATION


_FRAMEWORKS = (
    _Framework("marimo", "marimo._runtime.context.types", _marimo, f"{_OWN_THREAD}, or start one with mo.Thread."),
    _Framework("Solara", "solara.server.kernel_context", _solara, f"{_OWN_THREAD}, or in a threading.Thread of it."),
    _Framework(
        "Streamlit",
        "streamlit.runtime",
        _streamlit,
        f"{_OWN_THREAD}, or give the other one its context with add_script_run_ctx.",
    ),
    _Framework("Panel", "panel.io.state", _panel, f"{_OWN_THREAD}, or run it by contextvars.copy_context().run."),
    _Framework("Shiny", "shiny.session._utils", _shiny, "Use nbauth in the server function of the visitor's session."),
    _Framework("Gradio", "gradio.context", _gradio),
    _Framework("Flask", "flask.globals", _flask),
    _Framework("mod_wsgi", "mod_wsgi", _always),
    _Framework("uWSGI", "uwsgi", _always),
)
# Modules that are on a thread's stack as long as it runs a server, each with what lies below it.
_RUNNING = {
    **dict.fromkeys(("marimo._server", "marimo._session"), "marimo"),
    "solara.server": "Solara",
    "streamlit.web": "Streamlit",
    **dict.fromkeys(("panel.io.server", "panel.command"), "Panel"),
    **dict.fromkeys(("bokeh.server.server", "bokeh.command"), "Bokeh"),
    "shiny._main": "Shiny",
    "gradio.blocks": "Gradio",
    **dict.fromkeys(("werkzeug.serving", "werkzeug._reloader"), "Werkzeug"),
    "django.core.servers": "Django",
    **{name: name for name in ("uvicorn", "hypercorn", "daphne", "granian", "aiohttp.web", "gunicorn", "waitress")},
    **{name: name for name in ("cheroot", "bjoern", "gevent.pywsgi", "eventlet.wsgi")},
    **{name: name for name in ("awslambdaric", "azure_functions_worker")},
}
# Those on the stack while a request is answered.
_ANSWERING = {
    "bokeh.server": "Bokeh",
    "gradio.routes": "Gradio",
    "django.core.handlers": "Django",
    **{name: name for name in ("starlette", "fastapi", "litestar", "sanic", "tornado.web")},
}
# In a notebook small ones run in threads: nbauth's own listener, a debugger's, one for metrics.
_SMALL = dict.fromkeys(("wsgiref", "socketserver"), "a web server")
_NOTEBOOK = dict.fromkeys(("IPython", "ipykernel"), "a notebook")
_STEPS = {framework.name: framework.next_step for framework in _FRAMEWORKS}
# Where none of them is loaded nothing serves. `socketserver` is loaded everywhere, and tells nothing.
_LOADED = (*(f.module for f in _FRAMEWORKS), *_RUNNING, *_ANSWERING, "wsgiref.simple_server")


class _Seen:
    """How many modules were loaded when none of them was a server's."""

    modules = -1


def named_here() -> Visitor | Unnamed | None:
    """Ask the frameworks that are loaded whose visit the calling thread is in; None where nothing serves visitors."""
    # Asked with every token. A framework brings dozens of modules, so that the number tells whether one has come.
    count = len(sys.modules)
    if count == _Seen.modules:
        return None
    if sys.modules.keys().isdisjoint(_LOADED):
        _Seen.modules = count
        return None
    unnamed: Unnamed | None = None
    for framework in _FRAMEWORKS:
        module = sys.modules.get(framework.module)
        told = None if module is None else _told(framework, module)
        if isinstance(told, _Visit):
            visitor = _visitor(framework.name, told)
            if visitor is not None:
                return visitor
            told = _NOBODY
        if told is not None and unnamed is None:
            unnamed = Unnamed(framework.name, framework.next_step)
    return unnamed or _served_here()


def _told(framework: _Framework, module: Any) -> _Told:
    try:
        return framework.tells(module)
    except Exception:  # noqa: BLE001 - a version of it that is not known: what cannot be asked names nobody
        return _NOBODY if _served_here() else None


def _visitor(server: str, visit: _Visit) -> Visitor | None:
    """Return the visitor of a framework's object, the same one each time; None where it can bear no badge."""
    attributes = getattr(visit.of, "__dict__", None)
    if attributes is None:
        return None
    made = attributes.get(_BADGE)
    if made is None or not made.is_of(visit.of):
        with _badges:
            made = attributes.get(_BADGE)
            if made is None or not made.is_of(visit.of):
                made = attributes[_BADGE] = Visitor(server, visit.of, visit.is_over)
    return made  # type: ignore[no-any-return]


_badges = threading.Lock()


def _served_here() -> Unnamed | None:
    """Tell whether this thread answers a request, or belongs to a process that serves.

    Where another thread than the main one runs a server, as in a notebook or a test, the main thread stays the one
    person's, and so does a cell that runs elsewhere. The threads that others start may be for any visitor.
    """
    here, main = threading.get_ident(), threading.main_thread().ident
    own = sys._getframe()  # noqa: SLF001 - of this thread
    server = _on(own, {**_RUNNING, **_ANSWERING, **_SMALL})
    if server is None and here != main:
        frames = _all_stacks()
        server = _on(frames.get(main), {**_RUNNING, **_SMALL})
        if server is None and _on(own, _NOTEBOOK) is None:
            server = next(filter(None, (_on(frame, _RUNNING) for frame in frames.values())), None)
    return None if server is None else Unnamed(server, _STEPS.get(server, _APPLICATION))


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
    found: str | None = None
    while frame is not None:
        name = str(frame.f_globals.get("__name__"))
        while name:
            if name in modules:
                found = modules[name]
                if found in _STEPS:
                    return found
                break
            name = name.rpartition(".")[0]
        frame = frame.f_back
    return found
