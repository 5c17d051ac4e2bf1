"""The callback page as a file: where Jupyter servers look for it, and putting it there."""

from __future__ import annotations

from pathlib import Path

from nbauth.errors import ConfigError
from nbauth.files.directories import Directory

__all__ = ["callback_directory", "install_callback_page"]

_PAGE = Path(__file__).parent / "callback.html"


def callback_directory() -> Path:
    """Return the folder of the user's Jupyter data directory from which a server serves the page."""
    from jupyter_core.paths import jupyter_data_dir

    return Path(jupyter_data_dir()) / "labextensions" / "nbauth" / "static"


def install_callback_page(directory: Path) -> Path:
    """Put the page into a folder; a server that runs serves it at once.

    Args:
        directory: the folder; it is made.

    Returns:
        The file.

    Raises:
        ConfigError: it cannot be written.
    """
    path = directory / "callback.html"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        # A server may run as another user, so everybody may read it, whatever the umask.
        with Directory(directory, private=False) as folder, folder.new_file(path.name, allowed=0o644) as file:
            file.write(_PAGE.read_bytes())
    except OSError as error:
        raise ConfigError(
            f"The callback page cannot be written to {directory}: {error.strerror}.",
            next_step="Ask whoever runs the server to install nbauth there.",
        ) from None
    return path
