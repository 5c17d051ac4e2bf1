"""Where remembered sign-ins lie: in the user's state directory, one file for each application at its provider."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import filelock

from nbauth.files.tree import WHERE, is_in_tree
from nbauth.files.user_directories import state_directory
from nbauth.signin.remembered.encryption import PlainCodec, platform_codec
from nbauth.signin.remembered.store import Store, make_private_directory

if TYPE_CHECKING:
    from pathlib import Path

    from nbauth.signin.remembered.encryption import Codec

__all__ = ["directory", "existing_store", "file_of", "reason_of", "store_of", "store_to_clear"]

logger = logging.getLogger(__name__)

_KEY_S = 60.0


def directory() -> Path:
    """Return the directory."""
    return state_directory() / "remembered"


def file_of(application: str) -> Path:
    """Return the file of an application, by the name that stands for it (`application_name`)."""
    return directory() / f"{application}.bin"


def store_of(application: str) -> Store | None:
    """Return the store of an application, or None where nothing on this machine can encrypt it.

    Raises:
        OSError, ValueError: the directory cannot be used.
    """
    codec = _codec()
    return None if codec is None else Store(directory(), application, codec)


def existing_store(application: str) -> Store | None:
    """Return the store of an application, or None where there is no file, or none that can be read."""
    # Looked for before the codec: no keyring asks a person to unlock it where nothing was remembered.
    if not file_of(application).is_file():
        return None
    try:
        return store_of(application)
    except (OSError, ValueError) as error:
        logger.warning("%s is ignored: %s.", directory(), reason_of(error))
        return None


def store_to_clear(application: str) -> Store:
    """Return the store of an application whose sign-ins are to be forgotten."""
    try:
        codec = _codec()
    except (OSError, ValueError):
        codec = None
    # Deleting needs no key: what cannot be read goes as a whole.
    return Store(directory(), application, codec or PlainCodec())


def reason_of(error: Exception) -> str:
    """Return what the operating system says, or else what the error says."""
    return str(getattr(error, "strerror", None) or error)


def _codec() -> Codec | None:
    if is_in_tree(directory()):
        raise ValueError(f"it lies in {WHERE}")  # XDG_STATE_HOME, or HOME, in a .env
    make_private_directory(directory())
    # Of kernels that start at once, one makes the key in the platform's store.
    with filelock.FileLock(directory() / "key.lock", timeout=_KEY_S, mode=0o600, thread_local=False):
        return platform_codec()
