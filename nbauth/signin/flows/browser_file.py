"""Opens an address in the browser of this machine, through a file that its user alone can read.

A browser is started with the address in its command line, which every user of the machine can read. Somebody who sees
a sign-in's `state`, `nonce` and PKCE challenge there can sign in as themselves and hand the answer to the listener: the
kernel would then work as them. So the browser is given a file that leads to the address, as Jupyter gives it one for
a server's token.
"""

from __future__ import annotations

import contextlib
import html
import os
import stat
import tempfile
import time
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from nbauth.signin.environment import is_text_browser

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["opened"]

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
    if is_text_browser():  # it would take over the terminal that the kernel was started from
        yield False
        return
    try:
        path = _written(url)
    except OSError:  # no folder of the user's own can be written to
        yield False
        return
    try:
        started = False
        with contextlib.suppress(webbrowser.Error, OSError):
            started = webbrowser.open(path.as_uri())
        yield started
    finally:
        with contextlib.suppress(OSError):
            path.unlink()


def _written(url: str) -> Path:
    folder = _folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = folder.stat()
    if hasattr(os, "getuid") and (status.st_uid != os.getuid() or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)):
        raise PermissionError(f"{folder} is not this user's alone")  # others could put another file in its place
    _sweep(folder)
    handle, name = tempfile.mkstemp(prefix=_PREFIX, suffix=_SUFFIX, dir=folder)  # 0600
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(_PAGE.format(url=html.escape(url)))
    return Path(name)


def _folder() -> Path:
    """Return Jupyter's runtime folder, in the user's home; browsers that come as snaps cannot read `/tmp`."""
    try:
        from jupyter_core.paths import jupyter_runtime_dir
    except ImportError:  # a script, where no Jupyter is installed
        return platformdirs.user_data_path("nbauth", appauthor=False) / "runtime"
    return Path(jupyter_runtime_dir())


def _sweep(folder: Path) -> None:
    now = time.time()
    for path in folder.glob(f"{_PREFIX}*{_SUFFIX}"):
        with contextlib.suppress(OSError):
            if now - path.lstat().st_mtime > _STALE_S:
                path.unlink()
