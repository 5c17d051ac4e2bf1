"""Exceptions of parsers as errors that name the URL, while responses are read."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from nbauth.data.parse.json_errors import no_json
from nbauth.errors import ApiError, NbauthError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from requests import Response

    from nbauth.data.parse.opened import Opened

__all__ = ["announced", "reading"]


@contextmanager
def announced(found: Opened | None, response: Response, content: bytes) -> Iterator[None]:
    """Turn an API's error into one that says that no table came, where its server says that one does."""
    try:
        yield
    except ApiError as error:
        if found is None or found.announced is None:
            raise
        raise found.contradicted(response, content) from error


@contextmanager
def reading(response: Response, content: bytes) -> Iterator[None]:
    """Turn an exception of a parser into an error that names the URL."""
    try:
        yield
    except NbauthError:
        raise
    except (ValueError, RecursionError) as error:
        raise no_json(response, content, error) from error
