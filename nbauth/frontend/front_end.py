"""What a person sees in this kernel: a notebook's displays where there is one, plain lines otherwise."""

from __future__ import annotations

import dataclasses
import sys
from typing import TYPE_CHECKING, Any

from nbauth.environment import detect
from nbauth.process.ipykernel_internals import is_in_console
from nbauth.process.shielded import load
from nbauth.process.visitors import Visitor, whose

if TYPE_CHECKING:
    from nbauth.data.fetch.progress import Progress
    from nbauth.environment import Environment
    from nbauth.signin.flows.prompt import Prompt

__all__ = ["environment", "in_notebook", "progress", "prompt", "show_address"]


def in_notebook() -> bool:
    """Tell whether an IPython kernel runs this, as opposed to a script or a terminal."""
    return _kernel() is not None


def _kernel() -> Any:
    # IPython is not imported to ask: where it is not there already, there is no kernel.
    module: Any = sys.modules.get("IPython.core.getipython")
    shell = module.get_ipython() if module is not None else None
    return getattr(shell, "kernel", None)


def _in_console() -> bool:
    kernel = _kernel()
    return kernel is not None and is_in_console(kernel)


def environment(*, is_awaited: bool = False) -> Environment:
    """Return where the kernel runs, and whether `prompt` reaches somebody there.

    Args:
        is_awaited: whether the caller waits for the person in a coroutine, as if they had brought a prompt.
    """
    where = detect().with_somebody() if is_awaited else detect()
    here = whose()
    if not isinstance(here, Visitor):
        return where
    # What is printed or opened here reaches whoever sits at the server.
    why_not = f"a visitor of {here.server} cannot be asked at the server"
    return dataclasses.replace(where, interactive=False, why_not=why_not if where.can_ask else where.why_not)


def prompt() -> Prompt:
    """Return a fresh prompt for one sign-in."""
    if _in_console():
        from nbauth.frontend.console_prompt import ConsolePrompt

        return ConsolePrompt()
    if in_notebook():
        load("nbauth.frontend.panel.panel")
        from nbauth.frontend.panel.panel import SignInPanel
        from nbauth.frontend.panel.prompt import PanelPrompt

        return PanelPrompt(make_panel=SignInPanel)
    from nbauth.frontend.terminal_prompt import TerminalPrompt

    return TerminalPrompt()


def progress(title: str, note: str = "") -> Progress:
    """Return a fresh display for one load.

    Args:
        title: what is read.
        note: what the person has to know beside it, however soon it is over.
    """
    from nbauth.frontend.progress import NotebookProgress, TerminalProgress

    if _in_console():
        return TerminalProgress(title, note, rewrites=True)
    return NotebookProgress(title, note) if in_notebook() else TerminalProgress(title, note)


def show_address(text: str, url: str) -> None:
    """Ask the person to open an address."""
    if in_notebook():
        load("nbauth.frontend.notebook_prompt")
        from nbauth.frontend import notebook_prompt

        notebook_prompt.show_address(text, url)
    else:
        from nbauth.frontend.text import printable

        print(f"{printable(text)}\n{printable(url)}", flush=True)
