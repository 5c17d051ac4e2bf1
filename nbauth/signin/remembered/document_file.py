"""A document in its file: read, and cleared of the sign-ins that are to be forgotten."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from nbauth.signin.remembered.document import Document

if TYPE_CHECKING:
    from nbauth.signin.remembered.store import Store

__all__ = ["forget", "read_document"]

logger = logging.getLogger(__name__)


def read_document(store: Store) -> Document | None:
    """Return what is remembered, or None where nothing is that can be used."""
    data = store.read()
    if data is None:
        return None
    try:
        return Document.parse(data)
    except (ValueError, RecursionError) as error:
        logger.warning("%s is ignored: %s.", store.path, error)
        return None


def forget(store: Store, *, profiles: frozenset[str] = frozenset(), account: str | None = None) -> None:
    """Take sign-ins out of a file; all go where the others cannot be read, or cannot be written without them.

    Args:
        store: the file.
        profiles: names and fingerprints.
        account: a `home_account_id`.

    Raises:
        OSError, ValueError: it cannot be deleted.
    """
    read_document(store)  # sets aside what is damaged, which needs the lock
    with store.lock():
        document = read_document(store) or Document()
        rest = document.without(profiles=profiles, account=account)
        if rest.sign_ins:
            try:
                if rest != document:
                    store.write(rest.dump())
            except (OSError, ValueError) as error:
                logger.warning("%s is deleted: %s.", store.path, getattr(error, "strerror", None) or error)
            else:
                return
        store.delete()
