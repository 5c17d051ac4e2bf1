"""Cells that Voila runs before anybody can sign in: what helps is shown beside Voila's own line, which says nothing."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

from nbauth.errors import SignInRequired
from nbauth.frontend.notebook_prompt import Message, printable_lines

if TYPE_CHECKING:
    from IPython.core.interactiveshell import ExecutionResult

__all__ = ["explain_in"]


def explain_in(shell: Any) -> None:
    """Let a kernel's cells that end for want of a sign-in say so in the page.

    Args:
        shell: the kernel's IPython shell; nothing happens if that was done before.
    """
    shell.events.register("post_run_cell", _explain)


def _explain(result: ExecutionResult) -> None:
    error = result.error_in_exec
    if isinstance(error, SignInRequired):
        from IPython.display import display

        text = printable_lines(str(error))
        display(Message(f"<p>{html.escape(text)}</p>", text))
