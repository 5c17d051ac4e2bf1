"""What each framework for web pages tells of a visit, and which modules show that one serves. None is imported to ask.

A framework is one line in `FRAMEWORKS`: the module that is loaded wherever it serves, and a function that gets the
module. It returns what lives as long as the visit, or tells that the framework serves and names nobody. Most of that
is found under private names only. A release that has others raises, and is taken for one that names nobody (by
`web_servers`); `tests/browser/test_marimo_and_streamlit.py` runs the servers that are installed.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "ANSWERING",
    "APPLICATION",
    "ASKS",
    "FRAMEWORKS",
    "LOADED",
    "NOBODY",
    "NOTEBOOK",
    "RUNNING",
    "SMALL",
    "STEPS",
    "Framework",
    "NamesNobody",
    "Told",
    "Visit",
    "is_in_marimo",
]


@dataclass(frozen=True)
class Visit:
    """The visit that a framework names.

    Attributes:
        of: its own object for the visit.
        is_over: tells of that object that the visit has ended.
    """

    of: object
    is_over: Callable[[Any], bool]


class NamesNobody:
    """The framework serves, and names nobody here."""


NOBODY = NamesNobody()
Told = Visit | NamesNobody | None


def _marimo(types: Any) -> Told:
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
    return Visit(context._kernel, lambda kernel: not kernel.globals)  # noqa: SLF001 - nothing public lasts as long


def is_in_marimo() -> bool:
    """Tell whether a cell of a notebook that marimo edits or serves runs here; a script of marimo's is a script."""
    types = sys.modules.get("marimo._runtime.context.types")
    try:
        context: Any = None if types is None else types.safe_get_context()
    except Exception:  # noqa: BLE001 - a version of it that is not known
        return False
    mode = getattr(context, "session_mode", None)
    return getattr(mode, "value", mode) in ("edit", "run")


def _solara(kernel_context: Any) -> Told:
    if not kernel_context.has_current_context():
        return None
    return Visit(kernel_context.get_current_context(), lambda context: context.closed_event.is_set())


def _streamlit(runtime: Any) -> Told:
    if not runtime.exists():
        return None  # imported, or a script that Python alone runs
    context = sys.modules["streamlit.runtime.scriptrunner_utils.script_run_context"]
    run = context.get_script_run_ctx(suppress_warning=True)
    if run is None:
        return NOBODY
    sessions, session_id = runtime.get_instance()._session_mgr, run.session_id  # noqa: SLF001 - nothing public has it
    information = sessions.get_session_info(session_id)
    if information is None:
        return NOBODY  # the page is closed, and its script still runs
    return Visit(information.session, lambda session: _streamlits(sessions, session_id) is not session)


def _streamlits(sessions: Any, session_id: str) -> object:
    information = sessions.get_session_info(session_id)
    return None if information is None else information.session


def _panel(state: Any) -> Told:
    # Its own variable and nothing else. What `bokeh.io.curdoc` returns is shared by all threads, and stays somebody's
    # after a callback has failed.
    document = state.state._curdoc.get()  # noqa: SLF001
    session = None if document is None else document.session_context
    return None if session is None else Visit(session, lambda session: session.destroyed)


def _shiny(utils: Any) -> Told:
    session = utils.get_current_session()
    if session is None:
        return None
    if session.is_stub_session():
        return NOBODY  # the page is made for everybody
    return Visit(session.root_scope(), lambda session: session._has_run_session_ended_tasks)  # noqa: SLF001


def _gradio(context: Any) -> Told:
    # Its `session_hash` is what the browser chose.
    return None if context.LocalContext.request.get(None) is None else NOBODY


def _flask(context: Any) -> Told:
    return NOBODY if context.has_request_context() or context.has_app_context() else None


def _always(_module: Any) -> Told:
    return NOBODY


_OWN_THREAD = "Use nbauth in the visitor's own thread"
APPLICATION = (
    "Use a profile with client_secret or client_certificate, which is the application's own; with user_assertion it "
    "acts for each user."
)


@dataclass(frozen=True)
class Framework:
    """A framework.

    Attributes:
        name: its name.
        module: the module that is loaded where it serves.
        tells: what that tells of the visit.
        next_step: what helps where it names nobody.
        asks: what asks a visitor to sign in, with the profile's name to be filled in.
    """

    name: str
    module: str
    tells: Callable[[Any], Told]
    next_step: str = APPLICATION
    asks: str = "Show the visitor nbauth.SignInPanel({})."


FRAMEWORKS = (
    Framework(
        "marimo",
        "marimo._runtime.context.types",
        _marimo,
        f"{_OWN_THREAD}, or start one with mo.Thread.",
        "Show in a cell of its own: panel = mo.ui.anywidget(nbauth.SignInPanel({})).",
    ),
    Framework(
        "Solara",
        "solara.server.kernel_context",
        _solara,
        f"{_OWN_THREAD}, or in a threading.Thread of it.",
        "Show in a component: nbauth.SignInPanel.element(profile={}).",
    ),
    Framework(
        "Streamlit",
        "streamlit.runtime",
        _streamlit,
        f"{_OWN_THREAD}, or give the other one its context with add_script_run_ctx.",
        'Streamlit draws no panel: nbauth.login({}, flow="device_code", prompt=…) with a prompt of your own, as in '
        "docs/servers.md.",
    ),
    Framework(
        "Panel",
        "panel.io.state",
        _panel,
        f"{_OWN_THREAD}, or run it by contextvars.copy_context().run.",
        'Show the visitor pn.pane.IPyWidget(nbauth.SignInPanel({})), after pn.extension("ipywidgets").',
    ),
    Framework("Shiny", "shiny.session._utils", _shiny, "Use nbauth in the server function of the visitor's session."),
    Framework("Gradio", "gradio.context", _gradio),
    Framework("Flask", "flask.globals", _flask),
    Framework("mod_wsgi", "mod_wsgi", _always),
    Framework("uWSGI", "uwsgi", _always),
)
# Modules that are on a thread's stack as long as it runs a server, each with what lies below it.
RUNNING = {
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
ANSWERING = {
    "bokeh.server": "Bokeh",
    "gradio.routes": "Gradio",
    "django.core.handlers": "Django",
    **{name: name for name in ("starlette", "fastapi", "litestar", "sanic", "tornado.web")},
}
# In a notebook small ones run in threads: nbauth's own listener, a debugger's, one for metrics.
SMALL = dict.fromkeys(("wsgiref", "socketserver"), "a web server")
NOTEBOOK = dict.fromkeys(("IPython", "ipykernel"), "a notebook")
ASKS = {framework.name: framework.asks for framework in FRAMEWORKS}
STEPS = {framework.name: framework.next_step for framework in FRAMEWORKS}
# Without one of these modules there is no server. `socketserver` is loaded everywhere, and tells nothing.
LOADED = (*(f.module for f in FRAMEWORKS), *RUNNING, *ANSWERING, "wsgiref.simple_server")
