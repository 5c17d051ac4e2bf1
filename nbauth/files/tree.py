"""The notebook's tree: the folders that may have come whole from somebody else, by a clone or an archive.

One rule holds for what lies there: nothing that decides on trust, and nothing that keeps secrets, comes from the tree.
A ``.env`` file in the tree is part of it, although its lines look like anybody's environment variables once a tool
has read it.
"""

from __future__ import annotations

import errno
import os
import re
import sys
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbauth.errors import ConfigError
from nbauth.files.edges import trimmed, variable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = [
    "WHERE",
    "expanded",
    "is_home_or_above",
    "is_in_tree",
    "is_own_file",
    "is_set_in_dotenv",
    "notebook_directories",
    "running_shell",
    "working_directory",
]

WHERE = "the notebook's own directory, or in the clone around it"
_VERSION_CONTROL = (".git", ".hg", ".svn", ".bzr", ".jj")
_DOTENV = (".env", ".env.local")
_MARKS = (*_VERSION_CONTROL, *_DOTENV, "nbauth.toml")
# What names a file or directory that decides on trust or keeps secrets.
_NAMING = (
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "NBAUTH_CA_BUNDLE",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "XDG_STATE_HOME",
    "XDG_CONFIG_HOME",
    "HOME",
)
_LARGEST = 1024 * 1024


def is_in_tree(
    path: str | os.PathLike[str], environ: Mapping[str, str] = os.environ, *, directory: Path | None = None
) -> bool:
    """Tell whether a path lies in the notebook's tree, or leads into it.

    The tree is more than one folder: the notebook's directory as IPython and Jupyter name it, the working directory
    and ``NBAUTH_NOTEBOOK_DIR``. A ``.env`` can set the last of them, so that it only ever adds to the others. With each
    come the folders above it, up to the outermost one that is the root of a repository or holds a ``.env`` or an
    ``nbauth.toml``. A person's home directory and what is above it are no tree, even where the person keeps it under
    version control, but for a home that is itself the clone, as on Binder.

    Nothing tells how far an archive reaches that has no such folder. So where a ``.env`` has a line for the variable
    that names the path, the tree reaches up to the home directory, or to the file system's root.

    Args:
        path: a file or a directory; it need not be there.
        environ: the environment variables.
        directory: one more directory that belongs to the tree, such as a configuration file's.
    """
    whole = any(is_set_in_dotenv(name, environ, directory=directory) for name in _naming(Path(path), environ))
    roots = {status for root in _roots(environ, directory, whole=whole) if (status := _identity(root)) is not None}
    # By what it is, not by its name: one folder has several where names ignore case, or are links.
    return any(_identity(place) in roots for place in _spellings(Path(path)) for place in _upward(place))


def is_set_in_dotenv(name: str, environ: Mapping[str, str] = os.environ, *, directory: Path | None = None) -> bool:
    """Tell whether a file of environment variables in the tree has a line for one of them.

    Nobody can tell where a variable of this process came from. Where the tree sets it, it may be from there, whatever
    its value. Such a file is ``.env``, or has it in its name as ``.env.local`` and ``job.env`` do, or is ``.flaskenv``.

    Args:
        name: the variable's name.
        environ: the environment variables.
        directory: one more directory that belongs to the tree.
    """
    # Tools differ in what they read: a shell several on one line, Node's `NAME: x`, Windows a name in any case.
    line = re.compile(rf"""(?!\s*#)(?:.*[^\w#])?{re.escape(name)}['"]?\s*[=:]""", re.IGNORECASE)
    folders = dict.fromkeys(folder for start in _starts(environ, directory) for folder in _within(start, environ))
    texts = (_text(file) for folder in folders for file in _dotenvs(folder))
    return any(text is None or any(map(line.match, text.split("\n"))) for text in texts)


def expanded(path: str | os.PathLike[str], *, where: str, environ: Mapping[str, str] = os.environ) -> Path:
    """Return a path that a person wrote, with their home directory for ``~``.

    That is the account's where a ``.env`` of the tree has a line for ``HOME``: a person's own configuration would else
    mean files of the tree.

    Args:
        path: what was written.
        where: names its key or variable in the message.
        environ: the environment variables.

    Raises:
        ConfigError: no file can have that path.
    """
    written = Path(path)
    account = _account_home()
    try:
        if written.parts[:1] == ("~",) and account is not None and is_set_in_dotenv("HOME", environ):
            expanded_path = account.joinpath(*written.parts[1:])
        else:
            expanded_path = written.expanduser()
        os.lstat(expanded_path)
    except (OSError, ValueError, RuntimeError) as error:
        if isinstance(error, OSError) and error.errno != errno.ENAMETOOLONG:
            return expanded_path  # it need not be there
        # Too long, with a NUL, or in the home of a user who is unknown.
        raise ConfigError(f"{where}: expected the path of a file, found {str(path)[:80]!a}.") from None
    return expanded_path


def is_home_or_above(folder: Path) -> bool:
    """Tell whether all that a person has lies below a folder, which is then nobody's project."""
    homes = {Path(os.path.expanduser("~")), _account_home()}  # noqa: PTH111 - where none is known it is left as it is
    return any(folder in _upward(Path(os.path.realpath(home))) for home in homes if home and home.is_absolute())


def is_own_file(path: Path, folder: Path) -> bool:
    """Tell whether a file came with a project's folder, and is not something that a person keeps there.

    Args:
        path: the file, without links.
        folder: the project's, without links.

    Returns:
        No for what lies elsewhere, in another project inside it, in a folder that holds all that a person has, and for
        a clone's own files, which hold what a person put there: the address with a token, the settings.
    """
    if is_home_or_above(folder) or not path.is_relative_to(folder):
        return False
    names = [name.lower() for name in path.relative_to(folder).parts]  # one file where names ignore case
    if any(name in _VERSION_CONTROL or name.startswith(".env") for name in names):
        return False
    between = (parent for parent in path.parents if parent != folder and parent.is_relative_to(folder))
    return not any(_has(parent, _MARKS) for parent in between)


def notebook_directories(environ: Mapping[str, str] = os.environ) -> Iterator[Path]:
    """Return every directory that may be the notebook's, in the order in which they are looked for."""
    if named := variable("NBAUTH_NOTEBOOK_DIR", environ):
        yield working_directory() / os.path.expanduser(named)  # noqa: PTH111 - where no home is known it raises nothing
    shell = running_shell()
    namespace: dict[str, Any] = getattr(shell, "user_ns", {})
    for path in (namespace.get("__vsc_ipynb_file__"), environ.get("JPY_SESSION_NAME")):
        if isinstance(path, str) and Path(path).is_absolute() and Path(path).parent.is_dir():
            yield Path(path).parent
    visited = namespace.get("_dh")
    if isinstance(visited, list) and visited:  # Solara's shell has something made up there
        yield Path(visited[0]).absolute()
    yield working_directory()


def working_directory() -> Path:
    """Return the working directory; where it was deleted, the path that it had, or else where the shell was."""
    try:
        return Path.cwd()
    except OSError:
        pass
    try:
        return Path(os.readlink("/proc/self/cwd").removesuffix(" (deleted)"))  # noqa: PTH115 - it leads nowhere
    except OSError:
        return Path(os.sep, os.environ.get("PWD", ""))


def running_shell() -> Any:
    """Return the IPython shell that runs here, or None."""
    # Not imported here: where nobody runs IPython there is none to ask.
    module = sys.modules.get("IPython.core.getipython") or sys.modules.get("IPython")
    return module.get_ipython() if module is not None and hasattr(module, "get_ipython") else None


def _naming(path: Path, environ: Mapping[str, str]) -> Iterator[str]:
    """Return the environment variables that name a path, or a folder that it lies in."""
    above = {place for spelling in _spellings(path) for place in _upward(spelling)}
    for name in _NAMING:
        value = environ.get(name, "")
        # Whoever reads it may take it with or without the blanks at its edges; SSL_CERT_DIR may be a list.
        places = {value, trimmed(value), *trimmed(value).split(os.pathsep)}
        if any(above & {*_spellings(Path(each))} for each in places if each):
            yield name


def _roots(environ: Mapping[str, str], directory: Path | None, *, whole: bool) -> Iterator[Path]:
    for start in _starts(environ, directory):
        yield from _within(start, environ, whole=whole)[-1:]


def _starts(environ: Mapping[str, str], directory: Path | None) -> Iterator[Path]:
    for start in (*notebook_directories(environ), *(() if directory is None else (directory,))):
        yield from _spellings(start)


def _within(start: Path, environ: Mapping[str, str], *, whole: bool = False) -> list[Path]:
    """Return the folders from `start` up to the root of the tree around it; none where it is in no tree.

    Args:
        start: a folder.
        environ: the environment variables.
        whole: all that it may have come with, up to the home directory, or the file system's root.
    """
    homes = () if (account := _account_home()) is None else _spellings(account)
    home = next((home for home in homes if home in _upward(start)), None)
    is_clone = any(name.startswith("BINDER_") for name in environ) or (start == home and _has(start, _VERSION_CONTROL))
    above = {*(() if is_clone else homes), *(folder for home in homes for folder in home.parents)}
    folders = list(takewhile(lambda folder: folder not in above and folder != folder.parent, _upward(start)))
    marked = [number for number, folder in enumerate(folders) if _has(folder, _MARKS)]
    if is_clone and home is not None:
        return folders[: folders.index(home) + 1]
    if whole:
        return folders
    if marked:
        return folders[: marked[-1] + 1]  # the outermost: an archive may bring a marked folder in a marked one
    # A home that the environment names, as in containers whose user has no entry in the account database.
    return [] if str(start) in (environ.get("HOME"), environ.get("USERPROFILE")) else folders[:1]


def _account_home() -> Path | None:
    """Return the home directory of this account; not that of ``HOME``, which a ``.env`` can set."""
    if sys.platform == "win32":
        return Path.home()
    import pwd

    try:
        return Path(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError:
        return None


def _has(folder: Path, names: tuple[str, ...]) -> bool:
    return any(os.path.lexists(folder / name) for name in names)


def _upward(path: Path) -> tuple[Path, ...]:
    return (path, *path.parents)


def _spellings(path: Path) -> tuple[Path, ...]:
    """Return a path as it is written and as it is without links: either may lie in the tree."""
    return tuple(dict.fromkeys((Path(os.path.abspath(path)), Path(os.path.realpath(path)))))  # noqa: PTH100


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino


def _dotenvs(folder: Path) -> Iterator[Path]:
    try:
        names = sorted(os.listdir(folder))  # noqa: PTH208 - names are enough
    except OSError:
        return
    for name in names:
        lower = name.lower()
        if lower.endswith((".env", ".flaskenv")) or lower.startswith(_DOTENV):
            yield folder / name


def _text(path: Path) -> str | None:
    """Return a file's text; empty if it cannot be read, None if it is too large to search."""
    try:
        if not path.is_file():  # no FIFO, which would be waited for
            return ""
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
    except OSError:
        return ""
    if len(data) > _LARGEST:
        return None
    # One kind of line break; and without what UTF-16 has between the letters, as PowerShell writes it.
    return data.decode("utf-8", "replace").replace("\0", "").replace("\r", "\n")
