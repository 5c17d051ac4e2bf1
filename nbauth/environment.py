"""Environment: where this kernel runs, and whether it may ask a person; detected when asked."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from nbauth.files.edges import variable
from nbauth.files.tree import notebook_directories, running_shell
from nbauth.process import visitors
from nbauth.process.ipykernel_internals import allows_input, is_in_a_cell
from nbauth.process.web_frameworks import ASKS, is_in_marimo

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "SHARED_AT",
    "Environment",
    "FrontEndKind",
    "ask_by_panel",
    "detect",
    "is_text_browser",
    "notebook_directory",
]

SHARED_AT = "NBAUTH_SHARE"  # names the socket of a kernel that shares its sign-ins; processes inherit it

FrontEndKind = Literal["script", "terminal", "notebook", "voila", "marimo"]
# Each of them means that the person's browser is not on this machine, or cannot be opened from here.
_REMOTE = {
    "SSH_CONNECTION": "SSH",
    "JUPYTERHUB_USER": "JupyterHub",
    "JUPYTERHUB_API_URL": "JupyterHub",
    "BINDER_SERVICE_HOST": "Binder",
    "BINDER_LAUNCH_HOST": "Binder",
    "KUBERNETES_SERVICE_HOST": "Kubernetes",
    "CODESPACES": "Codespaces",
    "COLAB_RELEASE_TAG": "Colab",
}
_CONTAINER_MARKS = ("/.dockerenv", "/run/.containerenv")
_HAS_DESKTOP = sys.platform in ("win32", "darwin")
_TEXT_BROWSERS = {"www-browser", "links", "elinks", "lynx", "w3m"}


@dataclass(frozen=True, kw_only=True)
class Environment:
    """What is known of the kernel's surroundings without asking anybody.

    Attributes:
        front_end: a script, terminal IPython, a notebook's kernel, Voila, or marimo.
        can_ask: a flow that needs a person may run when it is named.
        interactive: somebody is there, so ``auto`` may choose such a flow.
        why_not: why nobody can be asked, for messages.
        remote: why the person's browser is believed to be elsewhere, or None.
        has_browser: a browser can be opened from here.
        notebook_directory: the notebook's directory, or the working directory of a script.
    """

    front_end: FrontEndKind
    can_ask: bool
    interactive: bool
    why_not: str = ""
    remote: str | None = None
    has_browser: bool = False
    notebook_directory: Path

    @property
    def is_local(self) -> bool:
        """Whether a browser opened here is in front of the person."""
        return self.remote is None and self.has_browser

    def with_somebody(self) -> Environment:
        """Return it as one where a person can be asked, for a caller with a prompt; not where asking is forbidden."""
        return dataclasses.replace(self, interactive=self.can_ask)


def detect(environ: Mapping[str, str] = os.environ) -> Environment:
    """Look around: the running IPython shell, its kernel and the environment variables."""
    shell = running_shell()
    kernel = getattr(shell, "kernel", None)
    front_end: FrontEndKind = "script" if shell is None else "terminal" if kernel is None else "notebook"
    if kernel is not None and ("VOILA_BASE_URL" in environ or "VOILA_KERNEL_ID" in environ):
        front_end = "voila"
    elif shell is None and is_in_marimo():
        front_end = "marimo"
    can_ask, why_not = True, ""
    if variable("NBAUTH_NONINTERACTIVE", environ) not in ("", "0"):
        can_ask, why_not = False, "NBAUTH_NONINTERACTIVE is set"
    elif front_end == "notebook" and not allows_input(kernel):
        can_ask, why_not = False, "this notebook runs unattended"
    elif front_end == "voila" and environ.get("VOILA_PREHEAT") == "True" and is_in_a_cell(kernel):
        can_ask, why_not = False, "Voila runs its cells before a visitor comes: show them nbauth.SignInPanel()"
    interactive = can_ask
    if can_ask and front_end in ("script", "terminal") and not _is_terminal(sys.stdin):
        interactive, why_not = False, "there is no terminal"
    elif can_ask and front_end == "voila":
        # Voila shows the page only after a blocking cell ends, so nothing that waits is chosen unasked.
        interactive, why_not = False, "Voila shows nothing before the cell ends"
    elif can_ask and front_end == "marimo":
        interactive, why_not = False, "marimo takes no click before the cell ends"
    has_browser = _has_browser(environ)
    return Environment(
        front_end=front_end,
        can_ask=can_ask,
        interactive=interactive,
        why_not=why_not,
        remote=_remote(environ, has_browser=has_browser),
        has_browser=has_browser,
        notebook_directory=notebook_directory(environ),
    )


def ask_by_panel(profile: str) -> str | None:
    """Return what to do where a panel, or a prompt of one's own, alone asks people; None where `login` does.

    Args:
        profile: name of the profile to sign in to.
    """
    here, front_end = visitors.whose(), detect().front_end
    name = json.dumps(profile, ensure_ascii=False)
    if isinstance(here, visitors.Visitor):
        return ASKS[here.server].format(name)
    if front_end == "marimo":
        return ASKS["marimo"].format(name)
    if front_end == "voila":
        return (
            f"Voila runs each cell before anybody can sign in: panel = nbauth.SignInPanel({name}), and read in what "
            'observes it: panel.observe(lambda change: load(), "signed_in").'
        )
    return None


def notebook_directory(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the directory of the notebook that this kernel serves.

    In order: ``NBAUTH_NOTEBOOK_DIR``; VS Code's variable; the session's path, which Lab and Notebook 7 give
    absolute and which is stale after a rename; IPython's first directory, which survives ``%cd``; the working
    directory.
    """
    return next(notebook_directories(environ))


def _is_terminal(stream: Any) -> bool:
    try:
        return bool(stream.isatty())
    except (AttributeError, ValueError):  # None under pythonw, or closed
        return False


def _remote(environ: Mapping[str, str], *, has_browser: bool) -> str | None:
    for name, what in _REMOTE.items():
        if environ.get(name):
            return what
    # A container that has a display, or a BROWSER that reaches the host's, is as good as this machine.
    in_container = any(Path(mark).exists() for mark in _CONTAINER_MARKS)
    return "a container" if in_container and not has_browser else None


def _has_browser(environ: Mapping[str, str]) -> bool:
    if _HAS_DESKTOP:
        return True
    if not (environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY") or environ.get("BROWSER")):
        return False
    return not is_text_browser()


def is_text_browser() -> bool:
    """Tell whether the standard library's `webbrowser` would run one in the kernel's terminal."""
    import webbrowser

    try:
        return Path(getattr(webbrowser.get(), "name", "")).name in _TEXT_BROWSERS
    except webbrowser.Error:
        return False  # there is none at all
