"""The names of members, as APIs choose them: what envelopes call their rows, and what stands beside those.

A name counts in any spelling: ``total_count``, ``totalCount``, ``TotalCount`` and ``total-count`` are one.
"""

from __future__ import annotations

import re
from functools import lru_cache

from nbauth.data.paging.page_words import is_of_pages

__all__ = ["NAMING", "ROWS", "is_aside", "is_of_envelope", "is_wrapper", "plain"]

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_NO_LETTER = re.compile(r"[\W_]")

# What envelopes call their rows.
ROWS = frozenset({
    "value", "data", "items", "item", "results", "result", "records", "record", "rows", "row", "entries", "entry",
    "content", "contents", "documents", "docs", "objects", "elements", "values", "issues", "hits", "features",
    "member", "members", "resources", "list", "nodes", "edges", "collection", "children", "resultset", "recordset",
    "dataset", "bindings",
})  # fmt: skip
# The objects around them.
_WRAPPERS = frozenset({
    "data", "result", "results", "response", "d", "body", "payload", "embedded", "hits", "query", "feed", "output",
    "root", "content", "page", "resultset", "queryresponse", "queryresult", "channel", "message",
})  # fmt: skip
# Lists that stand beside the rows and are none, unless there is no other list.
_ASIDE = frozenset({
    "columns", "cols", "fields", "schema", "headers", "header", "columnheaders", "types", "warnings", "warning",
    "warningmessages", "message", "errors", "error", "notices", "links", "link", "included", "includes", "facets",
    "aggregations", "suggestions", "suggest", "sort", "sorts", "orderby", "filters", "filter", "breadcrumbs",
    "namespaces", "highlights", "highlighting", "fieldaliases", "transforms", "expand", "exceptions", "deprecations",
    "next", "prev", "debug", "relatedsearches", "sortcolumns", "groupbyfields",
})  # fmt: skip
# Scalars by which things are called that are no envelope.
NAMING = frozenset({
    "name", "title", "login", "username", "email", "mail", "displayname", "fullname", "firstname", "lastname", "slug",
    "key", "sku", "label", "number", "ordernumber", "orderno",
})  # fmt: skip
# Words with which the names of other members of envelopes begin or end, and whole names.
_BEGIN = frozenset({
    "total", "count", "num", "per", "has", "is", "next", "prev", "previous", "continuation", "request", "trace",
    "correlation", "query", "search", "pagination", "paging", "page", "pages", "response", "execution", "elapsed",
    "took", "incomplete", "truncated", "exceeded", "partial", "generated", "server", "api", "error", "warning",
    "meta", "odata", "cursor", "limit", "offset", "skip", "skipped", "status", "result", "max", "hits", "sync",
    "cache", "rate", "quota",
})  # fmt: skip
_END = frozenset({
    "count", "counts", "total", "totals", "size", "token", "cursor", "url", "uri", "link", "links", "href", "page",
    "pages", "limit", "offset", "took", "ms", "millis", "seconds", "duration", "version", "more", "next", "metadata",
    "meta", "info", "etag", "timestamp", "stats", "statistics", "headers", "schema", "truncated", "format", "marker",
})  # fmt: skip
_WHOLE = frozenset({
    "success", "ok", "successful", "code", "msg", "message", "messages", "errors", "warnings", "kind", "object",
    "type", "context", "id", "self", "first", "last", "start", "end", "from", "to", "top", "time", "date",
    "timestamp", "updated", "created", "retrieved", "version", "copyright", "license", "licence", "attribution",
    "documentation", "language", "locale", "lang", "encoding", "summary", "facets", "shards", "clusters",
    "aggregations", "params", "parameters", "filters", "filter", "options", "cursors", "extensions", "profile",
    "debug", "range", "period", "sort", "done", "complete", "completed", "partial", "state", "help", "deprecated",
    "spatialreference", "crs", "bbox", "typename", "jsonrpc", "resourcetype", "method", "path", "etag", "properties",
    "features", "processing", "numfound", "nextmarker", "more", "final", "session", "source", "q", "scope",
    "objectidfieldname", "hasz", "hasm", "failed", "failures", "globalidfieldname", "displayfieldname",
    "geometrytype", "uniqueidfield", "batchcomplete", "startindex", "itemsperpage", "startposition", "timedout",
    "detail", "details", "reason", "hint", "notice", "errno", "msgid", "msgcode", "retcode", "returncode",
    "ispartial", "preview", "frequency", "description", "generator", "osm3s", "cod", "cnt", "head", "note",
    "information", "remark", "pager", "timezone", "accessrole",
})  # fmt: skip


@lru_cache(maxsize=4096)
def plain(name: str) -> str:
    """Return a name in lower case, without separators and signs, and without a prefix as in ``hydra:member``."""
    return _NO_LETTER.sub("", name.rpartition(":")[2].lower())


_ASIDE_ENDS = ("columns", "fields", "headers", "warnings", "errors", "links")
_WRAPPER_ENDS = ("result", "results", "response", "list", "collection")


@lru_cache(maxsize=4096)
def is_wrapper(name: str) -> bool:
    """Tell whether an object of this name is one in which envelopes keep their rows."""
    return plain(name) in _WRAPPERS or plain(name).endswith(_WRAPPER_ENDS)


@lru_cache(maxsize=4096)
def is_aside(name: str) -> bool:
    """Tell whether a list of this name stands beside the rows."""
    return plain(name) in _ASIDE or plain(name).endswith(_ASIDE_ENDS)


@lru_cache(maxsize=4096)
def is_of_envelope(name: str) -> bool:
    """Tell whether envelopes have a member of this name beside the rows, which says something about all of them."""
    if name.startswith(("@", "$", "odata.")) or plain(name) in _WHOLE or is_of_pages(name):
        return True
    words = [word.lower() for word in _WORDS.findall(name.rpartition(":")[2])]
    return bool(words) and (words[0] in _BEGIN or words[-1] in _END)
