"""The character sets that are read: those in which people really write data.

A server, or a file, names one, and Python has codecs of every kind under such names: `punycode` and `idna` take minutes
for a megabyte, `unicode_escape` reads what nobody wrote, and others are no character sets at all.
"""

from __future__ import annotations

import codecs
from email.message import Message
from functools import lru_cache

__all__ = ["charset_of", "codec_named", "has_lines", "safe_charset"]

_LONGEST_NAME = 40
_ISO_8859 = (*range(1, 12), *range(13, 17))  # there is no 12
_WINDOWS = (*range(1250, 1259), 874)
_DOS = (437, 720, 737, 775, 850, 852, 855, 856, 857, 858, *range(860, 867), 869, 1125)
_OTHER_NAMES = {"windows-31j": "cp932", "x-sjis": "cp932"}  # as Java and older servers write it
_READ = frozenset(
    {
        *("ascii", "utf-8", "utf-8-sig"),
        *("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"),
        *(f"iso8859-{part}" for part in _ISO_8859),
        *(f"cp{page}" for page in (*_WINDOWS, *_DOS)),
        *("mac-roman", "mac-cyrillic", "mac-greek", "mac-latin2", "mac-turkish"),
        *("koi8-r", "koi8-u", "koi8-t", "kz1048", "ptcp154", "tis-620"),
        *("shift_jis", "shift_jis_2004", "shift_jisx0213", "cp932", "euc_jp", "euc_jis_2004", "euc_jisx0213"),
        *("gb2312", "gbk", "gb18030", "big5", "big5hkscs", "cp950", "euc_kr", "cp949"),
    }
)


@lru_cache(maxsize=64)
def codec_named(name: str) -> str:
    """Return Python's name of a character set.

    Raises:
        LookupError: it is none that is read.
    """
    if len(name) > _LONGEST_NAME or not name.isascii():
        raise LookupError(name[:_LONGEST_NAME])
    try:
        codec = codecs.lookup(_OTHER_NAMES.get(name.lower(), name)).name
    except ValueError:  # a NUL in it
        raise LookupError(name) from None
    if codec not in _READ:
        raise LookupError(name)
    return codec


def safe_charset(name: str | None) -> str | None:
    """Return the name of a character set that requests found in a response; UTF-8 in place of one that is not read."""
    try:
        if name is not None:
            codec_named(name)
    except LookupError:
        return "utf-8"
    return name


def charset_of(content_type: str) -> str:
    """Return the codec that a ``Content-Type`` names; UTF-8, with or without a mark, where it names none.

    Raises:
        LookupError: it is no character set that is read; its name.
    """
    message = Message()
    message["Content-Type"] = content_type
    codec = codec_named(message.get_content_charset() or "utf-8")
    return "utf-8-sig" if codec in ("utf-8", "ascii") else codec


def has_lines(codec: str) -> bool:
    """Tell whether the bytes of a text can be cut into lines: a line's end is one byte there, and no other's part."""
    return not codec.startswith(("utf-16", "utf-32"))
