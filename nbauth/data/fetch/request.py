"""Requests as values: what a load asks for, page by page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from nbauth.errors import ConfigError

__all__ = ["PageRequest", "RequestSpec"]


@dataclass(frozen=True)
class PageRequest:
    """A request for one page.

    Attributes:
        url: where.
        body: the JSON document to post, or None.
        headers: headers of this request only.
        method: how it is sent, where the body does not tell: None makes it a POST with a body, and a GET without one.
    """

    url: str
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    method: Literal["GET", "POST"] | None = None

    @property
    def verb(self) -> Literal["GET", "POST"]:
        """The method that it is sent with. So a request without a body, such as a link, is a GET after a POST, too."""
        return self.method or ("GET" if self.body is None else "POST")


@dataclass(frozen=True, kw_only=True)
class RequestSpec:
    """What the caller asks for.

    Attributes:
        url: where.
        params: query parameters of the first request.
        headers: headers of all requests; those that hold a key go to the first URL's origin only.
        json: a document to post; None makes it a GET.
        retry_post: whether a POST may be done twice.
        max_bytes: how many bytes may come, decompressed; None for any number.
    """

    url: str
    params: Mapping[str, Any] | None = None
    headers: Mapping[str, str] | None = None
    json: Any = None
    retry_post: bool = False
    max_bytes: int | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.url, str):
            raise ConfigError(f"url: expected a string, found {type(self.url).__name__}.")
        for name in ("params", "headers"):
            given = getattr(self, name)
            if given is not None and not isinstance(given, Mapping):
                raise ConfigError(
                    f'{name}: expected names and values as in {{"top": 80}}, found {type(given).__name__}.'
                )
        if self.max_bytes is not None and (type(self.max_bytes) is not int or self.max_bytes < 1):
            raise ConfigError(f"max_bytes: expected a positive integer, found {self.max_bytes!r}.")

    @property
    def method(self) -> str:
        """GET, or POST where there is a document."""
        return "GET" if self.json is None else "POST"
