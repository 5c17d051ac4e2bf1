"""Opens an address in the browser of this machine, through a file that its user alone can read.

A browser is started with the address in its command line, which every user of the machine can read. Somebody who sees
a sign-in's `state`, `nonce` and PKCE challenge there can sign in as themselves and hand the answer to the listener: the
kernel would then work as them. So the browser is given a file that leads to the address, as Jupyter gives it one for
a server's token.

A browser that somebody registered as an object of Python's own starts no such command that nbauth knows of, and may
read no files: it gets the address itself.
"""

from __future__ import annotations

import contextlib
import html
import logging
import secrets
import time
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING

from nbauth.environment import is_text_browser
from nbauth.files.directories import Directory
from nbauth.files.user_directories import data_directory
from nbauth.process.browsers import started

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["opened"]

logger = logging.getLogger(__name__)

_PREFIX, _SUFFIX = "nbauth-", "-open.html"
_STALE_S = 3600.0  # longer than a person has; a kernel that was killed left it
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="referrer" content="no-referrer">
<meta http-equiv="refresh" content="0;url={url}">
<title>nbauth: sign-in</title>
</head>
<body>
<p>This page leads to the sign-in. If it does not, <a href="{url}">go there</a>.</p>
</body>
</html>
"""


@contextlib.contextmanager
def opened(url: str) -> Iterator[bool]:
    """Open an address; what the browser was given is deleted at the end.

    A browser that cannot be started is no reason to stop: the address is shown as text, too.

    Args:
        url: where to go.

    Yields:
        Whether a browser was started.
    """
    with contextlib.ExitStack() as held:
        yield _open(url, held)


def _open(url: str, held: contextlib.ExitStack) -> bool:
    if is_text_browser():  # it would take over the terminal that the kernel was started from
        return False
    if (own := _own_browser()) is not None:
        return started(own.open, url)
    place, name = _folder(), f"{_PREFIX}{secrets.token_hex(8)}{_SUFFIX}"
    try:
        # Whoever may write to the folder could put another file in the place of this one.
        folder = held.enter_context(Directory(place, readable=True, make=True))
        held.callback(_forget, folder, name)
        _sweep(folder)
        with folder.new_file(name, durable=False) as file:  # 0600
            file.write(_PAGE.format(url=html.escape(url)).encode())
    except (OSError, ValueError) as error:
        logger.info("No browser is started: no file for it can be written in %s: %s", place, error)
        return False
    return started(webbrowser.open, (place / name).absolute().as_uri())


def _own_browser() -> webbrowser.BaseBrowser | None:
    """Return the browser that is tried first, where it is none of the standard library's."""
    try:
        first = webbrowser.get()
    except webbrowser.Error:
        return None
    return None if type(first).__module__ == webbrowser.__name__ else first


def _forget(folder: Directory, name: str) -> None:
    with contextlib.suppress(OSError):
        folder.remove(name)


def _folder() -> Path:
    """Return Jupyter's runtime folder, in the user's home; browsers that come as snaps cannot read `/tmp`."""
    own = data_directory() / "runtime"
    try:
        from jupyter_core.paths import jupyter_runtime_dir

        folder = Path(jupyter_runtime_dir())
    except (ImportError, OSError, RuntimeError):  # a script, where no Jupyter is installed; or no home is known
        return own
    return own if "~" in folder.parts else folder  # it makes a path of a home that is not known


def _sweep(folder: Directory) -> None:
    for name in folder.names():
        if name.startswith(_PREFIX) and name.endswith(_SUFFIX):
            with contextlib.suppress(OSError):
                if time.time() - folder.status(name).st_mtime > _STALE_S:
                    folder.remove(name)
