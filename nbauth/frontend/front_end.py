"""What a person sees in this kernel: a notebook's displays where there is one, plain lines otherwise."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from nbauth.process.shielded import load

if TYPE_CHECKING:
    from nbauth.data.fetch.progress import Progress
    from nbauth.signin.flows.prompt import Prompt

__all__ = ["FrontEnd", "in_notebook", "put_in_place"]


def in_notebook() -> bool:
    """Tell whether an IPython kernel runs this, as opposed to a script or a terminal."""
    # IPython is not imported to ask: where it is not there already, there is no kernel.
    module: Any = sys.modules.get("IPython.core.getipython")
    shell = module.get_ipython() if module is not None else None
    return getattr(shell, "kernel", None) is not None


class FrontEnd:
    """Makes prompts and displays that fit where the kernel runs."""

    def prompt(self) -> Prompt:
        """Return a fresh prompt for one sign-in."""
        if in_notebook():
            load("nbauth.frontend.panel.prompt")
            from nbauth.frontend.panel.prompt import PanelPrompt

            return PanelPrompt()
        from nbauth.frontend.terminal_prompt import TerminalPrompt

        return TerminalPrompt()

    def progress(self, title: str) -> Progress:
        """Return a fresh display for one load."""
        from nbauth.frontend.progress import NotebookProgress, TerminalProgress

        return NotebookProgress(title) if in_notebook() else TerminalProgress(title)

    def note(self, text: str) -> None:
        """Tell the person something in one line."""
        from nbauth.frontend.text import printable

        print(printable(text), flush=True)

    def show_address(self, text: str, url: str) -> None:
        """Ask the person to open an address."""
        if in_notebook():
            load("nbauth.frontend.notebook_prompt")
            from nbauth.frontend.notebook_prompt import show_address

            show_address(text, url)
        else:
            from nbauth.frontend.text import printable

            print(f"{printable(text)}\n{printable(url)}", flush=True)


def put_in_place() -> None:
    """Give the kernel a front end, unless it has one: imports point from here to there."""
    from nbauth import kernel

    if kernel.front_end() is None:
        kernel.use_front_end(FrontEnd())
