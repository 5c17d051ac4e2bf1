"""What servers put around JSON: a prefix that keeps scripts of other sites from it, a call (JSONP), a character set."""

from __future__ import annotations

import re

from nbauth.data.fetch.charsets import charset_of

__all__ = ["as_json", "begins_json", "unwrapped"]

# Gerrit and Google write )]}' · Facebook for(;;); · others while(1); and throw 1; · Dojo {}&& · Xiaomi &&&START&&&
_PREFIX = re.compile(
    rb"\)\]\}'?,?\s*|(?:while|for)\s*\([^(){}\[\]]{0,20}\)\s*;?\s*|throw\s+[^\[{;]{1,60};\s*|\{\}\s*&&\s*|&&&START&&&\s*"
)
# JSONP, as Google's charts and Express write it, with a comment or a test in front.
_CALL = re.compile(
    rb"(?:/\*.{0,200}?\*/\s*)?(?:typeof [\w$.]+ ===? 'function' && )?[A-Za-z_$][\w$.]*\s*\(\s*(?=[\[{])", re.DOTALL
)
_END_OF_CALL = re.compile(rb"\)\s*;?\s*\Z")
_LONGEST = 1_000  # bytes of what stands in front
_BLANK = b" \t\r\n"
_WIDE_MARKS = (b"\xff\xfe", b"\xfe\xff")  # UTF-16's and UTF-32's
_BOM = b"\xef\xbb\xbf"
_MEMBER = rb'\{\s*(?:"(?:[^"\\]|\\.)*"\s*:|\}|\Z)'
_SURE = re.compile(rb'%s|\[\s*(?:\{\s*["}]|\[\s*["\[\]{\-\dtfn]|\]|\Z)' % _MEMBER)
_LIKELY = re.compile(rb'%s|\{\s*"|\[\s*(?:\{\s*["}]|[\[\]"]|(?:-?\d[\d.eE+\-]*|true|false|null)\s*[,\]]|\Z)' % _MEMBER)


def begins_json(start: bytes, *, is_sure: bool = False) -> bool:
    """Tell whether bytes look as those with which a JSON document begins.

    Args:
        start: the bytes, UTF-8, without what may stand in front.
        is_sure: whether they could be no line of a table either.
    """
    return (_SURE if is_sure else _LIKELY).match(start) is not None


def unwrapped(content: bytes) -> bytes:
    """Return JSON without what stands in front of it and belongs to no document; else what came."""
    start = content[:_LONGEST].removeprefix(_BOM).lstrip(_BLANK)
    if start[:1] in (b"", b"[", b'"') or (start[:1] == b"{" and start[:2] != b"{}"):
        return content
    skipped = content.removeprefix(_BOM).lstrip(_BLANK)
    if prefix := _PREFIX.match(start):
        return skipped[prefix.end() :]
    call = _CALL.match(start)
    return _END_OF_CALL.sub(b"", skipped[call.end() :]) if call else content


def as_json(content: bytes, content_type: str, encoding: str | None) -> bytes:
    """Return the JSON in a body, in a form of Unicode and without what stands in front.

    JSON is UTF-8 whatever a header says (RFC 8259 §8.1, §11), so the header counts only where it cannot be that.

    Args:
        content: the body.
        content_type: the ``Content-Type``.
        encoding: the character set that the caller names, or None.

    Raises:
        ValueError: it is not in the character set that the caller names.
    """
    if encoding is not None:
        content = content.decode(encoding).encode("utf-8", "surrogatepass")
    elif "charset" in content_type.lower() and not content.isascii():
        content = _decoded(content, content_type)
    return unwrapped(content)


def _decoded(content: bytes, content_type: str) -> bytes:
    try:
        codec = charset_of(content_type)
        if codec.startswith("utf") or content.startswith(_WIDE_MARKS) or b"\x00" in content[:4]:
            return content
        content.decode()
    except UnicodeDecodeError:
        return content.decode(codec).encode()
    except (LookupError, ValueError):
        return content
    return content
