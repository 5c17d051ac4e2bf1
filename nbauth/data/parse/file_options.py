"""The caller's words about a file: its format, character set, table and sheet."""

from __future__ import annotations

from collections.abc import Mapping

from nbauth.data.fetch.charsets import codec_named
from nbauth.data.parse.formats import FORMATS
from nbauth.errors import ConfigError

__all__ = ["check_file_options"]

# Arguments of `pandas.read_csv` that say where the file is, or how it is handed out.
_OURS = frozenset(
    {"filepath_or_buffer", "chunksize", "iterator", "compression", "memory_map", "storage_options", "dtype_backend"}
)


def check_file_options(format_: object, encoding: object, csv: object, sheet: object) -> None:
    """Check what a caller says about a file.

    Raises:
        ConfigError: an argument is wrong.
    """
    names = [f.name.lower() for f in FORMATS]
    if format_ is not None and format_ not in names:
        raise ConfigError(f"format: expected one of {', '.join(names)}, found {format_!r}.")
    if encoding is not None:
        try:
            codec_named(encoding if isinstance(encoding, str) else "")
        except LookupError:
            raise ConfigError(
                f'encoding: expected a character set that is read, such as "cp1252", found {encoding!r}.'
            ) from None
    if csv is not None and not (isinstance(csv, Mapping) and all(isinstance(name, str) for name in csv)):
        raise ConfigError(f'csv: expected arguments of pandas.read_csv as in {{"sep": ";"}}, found {csv!r}.')
    if csv is not None and (ours := sorted(_OURS & csv.keys())):
        raise ConfigError(
            f"csv: {ours[0]} cannot be given, since nbauth reads the file.",
            next_step="pandas.read_csv(nbauth.open(url)) takes any argument.",
        )
    if sheet is not None and (not isinstance(sheet, (str, int)) or isinstance(sheet, bool)):
        raise ConfigError(f'sheet: expected a name such as "Data" or a number from 0, found {sheet!r}.')
