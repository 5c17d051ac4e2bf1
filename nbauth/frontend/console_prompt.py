"""A prompt for consoles on a kernel: what is shown stays, and nothing is drawn again."""

from __future__ import annotations

from nbauth.frontend.notebook_prompt import NotebookPrompt
from nbauth.frontend.text import one_line

__all__ = ["ConsolePrompt"]


class ConsolePrompt(NotebookPrompt):
    """Prints what a notebook displays, and asks as there."""

    def tell(self, text: str) -> None:
        """Print it alone: what is asked stands above."""
        self._display("", one_line(text))

    def _show(self, markup: str, text: str) -> None:
        if (markup, text) != self._shown:  # asked again
            super()._show(markup, text)

    def _display(self, markup: str, text: str) -> None:
        del markup
        print(text, flush=True)
