"""A file inside a zip archive: taken out where it is the only one."""

from __future__ import annotations

import zipfile
from typing import IO, TYPE_CHECKING
from zlib import error as ZlibError  # noqa: N812 - a class, whatever it is called

from nbauth.data.fetch.http_errors import format_error
from nbauth.data.fetch.response_body import FileBody, spooled

if TYPE_CHECKING:
    from requests import Response

    from nbauth.data.fetch.response_body import Body, ByteLimit

__all__ = ["unzipped"]

_MOST_NAMES = 5
_IS_ENCRYPTED = 1
_OPEN = "nbauth.open(URL) gives it to zipfile.ZipFile, or to whatever else reads it."
_DOCUMENTS = (
    ("xl/workbook.bin", "a binary Excel file (.xlsb)"),
    ("word/", "a Word document"),
    ("ppt/", "a presentation"),
    ("content.xml", "an OpenDocument file"),
)


class _Member(FileBody):
    """The only file of an archive, which is closed with it."""

    def __init__(self, member: IO[bytes], archive: IO[bytes], response: Response, byte_limit: ByteLimit) -> None:
        super().__init__(member, response, byte_limit)
        self._archive = archive

    def close(self) -> None:
        super().close()
        self._archive.close()

    def _wire(self, size: int | None, *, waits: bool) -> bytes:
        try:
            return super()._wire(size, waits=waits)
        except (zipfile.BadZipFile, EOFError) as error:
            raise ZlibError(str(error)) from error


def unzipped(body: Body, response: Response, byte_limit: ByteLimit) -> tuple[FileBody, str]:
    """Return what is in a zip archive, and its name; a workbook of Excel's, which is one, as it is.

    What it becomes counts against the limit, and not the archive beside it.

    Args:
        body: the archive.
        response: the response.
        byte_limit: how many bytes may still come.

    Raises:
        FormatError: it is none, or it holds none or several files, or what is read by a password only.
        DataError: the body is not whole, or too much comes.
    """
    file = spooled(body)
    byte_limit.give_back(file.seek(0, 2))
    file.seek(0)
    try:
        archive = zipfile.ZipFile(file)
        member = _only_member(archive, response)
        if member is None:
            file.seek(0)
            return FileBody(file, response, byte_limit), "book.xlsx"
        return _Member(archive.open(member), file, response, byte_limit), member.filename
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, ZlibError) as error:
        file.close()
        raise format_error(response, b"", f"which is a zip archive that cannot be opened: {error}") from error
    except BaseException:
        file.close()
        raise


def _only_member(archive: zipfile.ZipFile, response: Response) -> zipfile.ZipInfo | None:
    """Return the only file in an archive; None if it is a workbook of Excel's."""
    names = archive.namelist()
    for begin, what in _DOCUMENTS:
        if any(name.startswith(begin) for name in names) and len(names) > 1:
            raise format_error(response, b"", f"which is {what}", next_step=_OPEN)
    if "xl/workbook.xml" in names or (len(names) > 1 and any(name.startswith("xl/") for name in names)):
        return None
    members = [member for member in archive.infolist() if not member.is_dir() and not _is_hidden(member.filename)]
    if len(members) != 1:
        shown = ", ".join(member.filename for member in members[:_MOST_NAMES])
        more = ", …" if len(members) > _MOST_NAMES else ""
        which = f"{len(members)} files: {shown}{more}" if members else "no file"
        raise format_error(response, b"", f"which is a zip archive with {which}", next_step=_OPEN)
    if members[0].flag_bits & _IS_ENCRYPTED:
        raise format_error(response, b"", "which is a zip archive with a password", next_step=_OPEN)
    return members[0]


def _is_hidden(name: str) -> bool:
    return name.startswith("__MACOSX/") or name.rpartition("/")[2].startswith(".")
