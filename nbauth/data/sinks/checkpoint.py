"""A checkpoint: from where a load to a Parquet file goes on after a break, and how it is known to be this user's.

It holds the next request, as an API's next links are all that tells where a load was. A next link may hold a token of
the API's own, such as `$skiptoken`, and never one of ours. It is good for a day, since later rows would be of another
time. A MAC under the user's own key covers it, with its place, the request and the digest of each part: a folder that
came with a clone, or that somebody else wrote, brings no row.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from nbauth.data.fetch.request import PageRequest
from nbauth.data.paging.styles import style_from_json, style_to_json

if TYPE_CHECKING:
    from pathlib import Path

    from nbauth.data.paging.styles import Style
    from nbauth.files.state_key import StateKey

__all__ = ["LARGEST_CHECKPOINT", "Checkpoint", "Part", "dump_checkpoint", "fingerprint", "is_fresh", "load_checkpoint"]

LARGEST_CHECKPOINT = 4_000_000
_MAGIC, _VERSION = b"nbauth-checkpoint", 5
_GOOD_FOR_S = 24 * 3600


@dataclass(frozen=True)
class Part:
    """One file of rows.

    Attributes:
        digest: the SHA-256 of its content.
        times: which of its columns are times, and of what type.
    """

    digest: str
    times: dict[str, str]


@dataclass(frozen=True)
class Checkpoint:
    """From where a load goes on.

    Attributes:
        rows: how many rows the parts hold.
        parts: the parts, in their order.
        next_request: the next request; None if there is none, or the load cannot go on.
        style: how the API is paged; None for a function, which the caller gives again.
        records: the path of the rows.
        is_complete: whether the parts are all that there is.
    """

    rows: int = 0
    parts: tuple[Part, ...] = ()
    next_request: PageRequest | None = None
    style: Style | None = None
    records: str | None = None
    is_complete: bool = False


def dump_checkpoint(checkpoint: Checkpoint, key: StateKey, folder: Path, request: str) -> bytes:
    """Return a checkpoint as it stands in its file.

    Args:
        checkpoint: the checkpoint.
        key: the user's key for checkpoints.
        folder: where the file lies; a checkpoint that is moved is no longer good.
        request: the fingerprint of what is asked for, and for whom.

    Raises:
        OSError, ValueError: there is no key.
    """
    content = {
        "version": _VERSION,
        "written_at": time.time(),
        "rows": checkpoint.rows,
        "parts": [asdict(part) for part in checkpoint.parts],
        "next_request": None if checkpoint.next_request is None else asdict(checkpoint.next_request),
        "style": None if checkpoint.style is None else style_to_json(checkpoint.style),
        "records": checkpoint.records,
        "is_complete": checkpoint.is_complete,
    }
    text = json.dumps(content)
    return json.dumps({"mac": key.mac(*_covered(folder, request, text)), "checkpoint": text}).encode()


def load_checkpoint(data: bytes, key: StateKey, folder: Path, request: str) -> Checkpoint:
    """Return the checkpoint that stands in a file.

    Raises:
        OSError, ValueError, KeyError, TypeError: it is damaged, old, of another place or request, or somebody else's.
    """
    envelope = json.loads(data)
    text = envelope["checkpoint"]
    if not key.is_right(envelope["mac"].encode(), *_covered(folder, request, text)):
        raise ValueError("somebody else wrote it, or it is damaged")
    content = json.loads(text)
    if content["version"] != _VERSION or not is_fresh(content["written_at"]):
        raise ValueError("it is old")
    is_complete = content["is_complete"] is True
    if content["next_request"] is None and not is_complete:
        raise ValueError("there is nothing to go on with")
    return Checkpoint(
        content["rows"],
        tuple(Part(**part) for part in content["parts"]),
        None if is_complete else PageRequest(**content["next_request"]),
        style_from_json(content["style"]),
        content["records"],
        is_complete,
    )


def is_fresh(written_at: float) -> bool:
    """Tell whether a load may go on from a checkpoint of that time."""
    return 0 <= time.time() - written_at < _GOOD_FOR_S


def _covered(folder: Path, request: str, text: str) -> tuple[bytes, ...]:
    return _MAGIC, os.fsencode(folder), request.encode(), text.encode()


def fingerprint(*parts: Any) -> str:
    """Return a digest of a request, from which nothing can be read back."""
    return hashlib.sha256(json.dumps(parts, default=_known_by).encode()).hexdigest()


def _known_by(value: Any) -> str:
    """Return a text for a value that JSON does not know: of a function its code, not its address."""
    code = getattr(value, "__code__", None)
    if code is None:
        return repr(value)
    constants = [value for value in code.co_consts if isinstance(value, (str, int, float, bytes, tuple))]
    return repr((value.__qualname__, code.co_code, code.co_names, constants))
