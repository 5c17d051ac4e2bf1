"""ImportingPrompt: while a person signs in, what their first read needs is imported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nbauth.process.ahead import ImportsAhead, ImportsInLoop
    from nbauth.signin.flows.prompt import Prompt

__all__ = ["OF_A_LOAD", "ImportingPrompt"]

# A second's work and more; what a read needs first comes first, in parts between which others have their turn.
OF_A_LOAD = (
    "numpy",
    "pyarrow",
    "pandas",
    "nbauth.data.sinks.frame",
    "nbauth.data.query",
    "nbauth.data.fetch.session",
    "nbauth.data.build.arrow_arrays",
    "nbauth.data.build.arrow_series",
    "nbauth.data.parse.schema_decoder",
    "pyarrow.pandas_compat",
)


class ImportingPrompt:
    """A prompt that begins imports as soon as the person has been asked and has something to do.

    Args:
        prompt: the prompt that it stands before.
        imports: what is imported.
    """

    def __init__(self, prompt: Prompt, imports: ImportsAhead | ImportsInLoop) -> None:
        self._prompt = prompt
        self._imports = imports

    def __getattr__(self, name: str) -> Any:
        return getattr(self._prompt, name)

    def wait(self, timeout_s: float) -> str | None:
        """Wait as the prompt does."""
        self._imports.begin()
        return self._prompt.wait(timeout_s)
