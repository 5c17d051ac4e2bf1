from __future__ import annotations

import copy
import gc
import subprocess
import sys
import threading
from contextvars import ContextVar
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.request import ProxyHandler, build_opener
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
from fake_marimo import in_a_thread

from nbauth.process import web_servers
from nbauth.process.visitors import Unnamed, Visitor, carried, visiting, whose
from nbauth.process.web_servers import named_here

if TYPE_CHECKING:
    from collections.abc import Callable


class Thing(SimpleNamespace):
    """An object of a framework's."""

    __hash__ = None  # type: ignore[assignment]  # as Solara's is


def _module(monkeypatch: pytest.MonkeyPatch, name: str, **content: Any) -> None:
    module = ModuleType(name)
    vars(module).update(content)
    monkeypatch.setitem(sys.modules, name, module)


def _marimo(monkeypatch: pytest.MonkeyPatch, here: Thing | None) -> Callable[[], None]:
    mode = SimpleNamespace(value="run")
    top = SimpleNamespace(parent=None, session_mode=mode, _kernel=Thing(globals={"mo": "marimo"}))
    inner = SimpleNamespace(parent=top, session_mode=mode, _kernel=Thing(globals={}))
    _module(monkeypatch, "marimo._runtime.context.types", safe_get_context=lambda: None if here is None else inner)
    return top._kernel.globals.clear  # type: ignore[no-any-return]


def _solara(monkeypatch: pytest.MonkeyPatch, here: Thing | None) -> Callable[[], None]:
    context = Thing(id="chosen by the browser", closed_event=threading.Event())

    def current() -> Thing:
        if here is None:
            raise RuntimeError
        return context

    _module(
        monkeypatch,
        "solara.server.kernel_context",
        has_current_context=lambda: here is not None,
        get_current_context=current,
    )
    return context.closed_event.set


def _streamlit(monkeypatch: pytest.MonkeyPatch, here: Thing | None) -> Callable[[], None]:
    sessions = {"1": SimpleNamespace(session=Thing())}
    runtime = SimpleNamespace(_session_mgr=SimpleNamespace(get_session_info=sessions.get))
    _module(monkeypatch, "streamlit.runtime", exists=lambda: here is not None, get_instance=lambda: runtime)
    _module(
        monkeypatch,
        "streamlit.runtime.scriptrunner_utils.script_run_context",
        get_script_run_ctx=lambda suppress_warning: SimpleNamespace(session_id="1"),
    )
    return sessions.clear


def _panel(monkeypatch: pytest.MonkeyPatch, here: Thing | None) -> Callable[[], None]:
    session = Thing(destroyed=False)
    document = SimpleNamespace(session_context=session)
    own: ContextVar[Any] = ContextVar("curdoc", default=document if here is not None else None)
    # `curdoc` falls back to what is shared by all threads.
    _module(monkeypatch, "panel.io.state", state=SimpleNamespace(_curdoc=own, curdoc=document))
    return lambda: setattr(session, "destroyed", True)


def _shiny(monkeypatch: pytest.MonkeyPatch, here: Thing | None) -> Callable[[], None]:
    root = Thing(_has_run_session_ended_tasks=False)
    inner = SimpleNamespace(is_stub_session=lambda: False, root_scope=lambda: root)
    _module(monkeypatch, "shiny.session._utils", get_current_session=lambda: None if here is None else inner)
    return lambda: setattr(root, "_has_run_session_ended_tasks", True)


NAMING = [_marimo, _solara, _streamlit, _panel, _shiny]


@pytest.mark.parametrize("framework", NAMING)
def test_names_a_visitor(framework: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A framework that serves names the same visitor each time, in threads of nbauth's too, until the visit ends."""
    end = framework(monkeypatch, Thing())
    visitor = whose()
    assert isinstance(visitor, Visitor)
    assert whose() is visitor
    assert not visitor.is_over
    end()
    assert visitor.is_over


def test_what_is_let_go_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """A visit is over, too, when the framework lets go of its object, or tells of no end that is known here."""
    session = [Thing(destroyed=False)]
    document = SimpleNamespace(session_context=session[0])
    own: ContextVar[Any] = ContextVar("curdoc", default=document)
    _module(monkeypatch, "panel.io.state", state=SimpleNamespace(_curdoc=own))
    visitor = whose()
    assert isinstance(visitor, Visitor)
    del session[0].destroyed
    assert not visitor.is_over
    session.clear()
    document.session_context = None
    gc.collect()
    assert visitor.is_over


@pytest.mark.parametrize("framework", NAMING)
def test_is_only_imported(framework: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A framework that is imported and serves nothing changes nothing."""
    framework(monkeypatch, None)
    assert whose() is None


def test_marimos_editor(monkeypatch: pytest.MonkeyPatch) -> None:
    """A notebook in marimo's editor is one person's, and so is one that Python runs."""
    for context in (SimpleNamespace(parent=None, session_mode="edit", _kernel=Thing()), SimpleNamespace(parent=None)):
        _module(monkeypatch, "marimo._runtime.context.types", safe_get_context=lambda context=context: context)
        assert whose() is None


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("flask.globals", {"has_request_context": lambda: True, "has_app_context": lambda: False}),
        ("flask.globals", {"has_request_context": lambda: False, "has_app_context": lambda: True}),
        ("gradio.context", {"LocalContext": SimpleNamespace(request=SimpleNamespace(get=lambda _: "a request"))}),
        ("mod_wsgi", {}),
        ("uwsgi", {}),
        (
            "shiny.session._utils",
            {"get_current_session": lambda: SimpleNamespace(is_stub_session=lambda: True)},
        ),
    ],
)
def test_names_nobody(name: str, content: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """A framework that serves and names nobody says so, with what helps."""
    _module(monkeypatch, name, **content)
    here = whose()
    assert isinstance(here, Unnamed)
    assert here.next_step


def test_a_page_that_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A script of Streamlit's that runs on after its page was closed is nobody's."""
    _streamlit(monkeypatch, Thing())()
    assert isinstance(whose(), Unnamed)


def test_a_copy_is_another_visitor(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is copied of a framework's object, or comes later under its identifier, is another visit."""
    kernels = [Thing()]
    context = SimpleNamespace(has_current_context=lambda: True, get_current_context=lambda: kernels[-1])
    _module(monkeypatch, "solara.server.kernel_context", **vars(context))
    kernels[0].closed_event = threading.Event()
    first = whose()
    kernels.append(copy.copy(kernels[0]))
    assert whose() is not first
    kernels.pop()
    assert whose() is first


def test_an_unknown_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """A framework that cannot be asked as it is known changes nothing in a notebook."""
    _module(monkeypatch, "panel.io.state")
    assert whose() is None


def test_threads_of_nbauth(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread is in the visit of who started it, whatever is said there; and no other thread after it."""
    framework = Thing()
    _panel(monkeypatch, framework)
    visitor = whose()
    seen: list[object] = []
    look = carried(lambda: seen.append(whose()))
    with visiting(None):
        look()
        assert whose() is None
    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [visitor, visitor]


class _Silent(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the standard library's name
        pass


def test_who_answers_a_request() -> None:
    """A thread that answers a request of a plain web server is nobody's; the notebook that started it is as it was."""

    def answer(_environ: object, start: Callable[..., Any]) -> list[bytes]:
        start("200 OK", [])
        return [repr(whose()).encode()]

    with make_server("127.0.0.1", 0, answer, handler_class=_Silent) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        with build_opener(ProxyHandler({})).open(f"http://127.0.0.1:{server.server_port}", timeout=10) as came:
            assert b"Unnamed(server='a web server'" in came.read()
        thread.join(10)
    assert named_here() is None


def test_a_server_in_another_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside a server that runs in a thread, the main thread and cells are one person's; other threads are not."""
    _module(monkeypatch, "uvicorn")
    _module(monkeypatch, "IPython.core.interactiveshell")
    ended = threading.Event()
    serving: dict[str, Any] = {"__name__": "uvicorn.server"}
    exec("def serve(ended): ended.wait(30)", serving)  # noqa: S102 - a function whose module has this name
    cell: dict[str, Any] = {"__name__": "IPython.core.interactiveshell"}
    exec("def run(do): return do()", cell)  # noqa: S102 - as above
    server = threading.Thread(target=serving["serve"], args=(ended,))
    server.start()
    try:
        assert whose() is None
        assert in_a_thread(lambda: cell["run"](whose)) is None
        assert in_a_thread(whose) == Unnamed("uvicorn", in_a_thread(whose).next_step)
        assert in_a_thread(carried(whose)) is None
    finally:
        ended.set()
        server.join()
    assert in_a_thread(whose) is None


SERVES = """
import threading
from wsgiref.simple_server import make_server
from nbauth.process.visitors import whose
server = make_server("127.0.0.1", 0, None)
def look():
    print(whose())
    server.shutdown()
print(whose())
threading.Timer(0.1, look).start()
server.serve_forever(poll_interval=0.05)
"""


def test_no_garbage_is_collected_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stacks of all threads are read in other threads only, and with no collection of garbage: it may crash."""
    seen: list[bool] = []
    threads: list[int] = []
    for module, name in ((sys, "_current_frames"), (web_servers, "_modules_of")):
        usual = getattr(module, name)

        def noted(*arguments: Any, usual: Callable[..., Any] = usual) -> Any:
            found = usual(*arguments)
            if threading.current_thread() is not threading.main_thread():
                seen.append(gc.isenabled())
                threads.extend(found if isinstance(found, dict) else ())
            return found

        monkeypatch.setattr(module, name, noted)
    _module(monkeypatch, "flask")
    monkeypatch.setattr(web_servers._Seen, "modules", -1)
    whose()
    assert seen == []
    in_a_thread(whose)
    own, *all_of_them = seen
    assert own
    assert threading.get_ident() in threads
    assert len(all_of_them) == 1 + len(threads)  # as they were found: others' servers start and end some
    assert not any(all_of_them)
    assert gc.isenabled()


def test_waits_for_a_collection(monkeypatch: pytest.MonkeyPatch) -> None:
    """A collection that another thread is in the middle of ends before the stacks are read; not one's own."""
    begun, may_end, seen = threading.Event(), threading.Event(), []

    class Garbage:
        def __init__(self) -> None:
            self.itself = self

        def __del__(self) -> None:
            seen.append(web_servers.all_stacks())  # does not wait for itself
            begun.set()
            may_end.wait(10)

    _module(monkeypatch, "flask")
    monkeypatch.setattr(web_servers._Seen, "modules", -1)
    in_a_thread(whose)  # from now on it is known whether somebody collects
    monkeypatch.setattr(web_servers._Collection, "PATIENCE_S", 10.0)
    Garbage()
    collector = threading.Thread(target=gc.collect)
    collector.start()
    assert begun.wait(10)
    reader = threading.Thread(target=lambda: seen.append(web_servers.all_stacks()))
    reader.start()
    reader.join(0.1)
    assert len(seen) == 1
    may_end.set()
    reader.join(10)
    collector.join(10)
    assert len(seen) == 2


def test_every_thread_of_a_server() -> None:
    """Where the main thread serves, every thread of the process is a server's, also one that the application starts."""
    done = subprocess.run([sys.executable, "-c", SERVES], capture_output=True, text=True, timeout=30, check=True)
    before, after = done.stdout.splitlines()
    assert before == "None"
    assert after.startswith("Unnamed(server='a web server'")
