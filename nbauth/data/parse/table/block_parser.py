"""Parses the blocks of a table: pandas reads each, and what it may have misread is read again as text."""

from __future__ import annotations

import io
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nbauth.data.build.type_rules import EXACT
from nbauth.data.build.width import check_width
from nbauth.data.parse.table.cells import columns_of, exponents, zeros_in_front
from nbauth.data.parse.table.columns import columns_in
from nbauth.data.parse.table.numbers import NULL_WORDS, decimal_commas, numbers
from nbauth.data.parse.table.quote_rules import NoTable, QuoteRules, looks_like_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from nbauth.data.build.frame_builder import Backend
    from nbauth.data.parse.table.columns import Columns
    from nbauth.data.parse.table.dialect import Dialect
    from nbauth.data.parse.table.quotes import Quotes


__all__ = ["BlockParser"]


_BLANK = [""]
_NULLS = ["", *NULL_WORDS]
_ENOUGH = 1000  # values of a column, of which one has a fraction as a rule


class BlockParser:
    """Makes frames of blocks. What one block shows of a column counts for those after it.

    Args:
        dialect: how the table is written.
        backend: ``"pyarrow"`` for Arrow's dtypes.
        text: columns that are text whatever they look like.
        line: the number of the first block's first line.
        assume: told what is taken for granted.

    Attributes:
        text: the dtype of text.
        words: columns that have NA or its like, and nothing else, in some block.
    """

    def __init__(
        self, dialect: Dialect, backend: Backend | None, text: Iterable[int], line: int, assume: Callable[[str], None]
    ) -> None:
        self._backend = backend
        self.rules = QuoteRules(dialect, assume)
        self._asked = frozenset(text)
        self._texts = set(text)  # columns that are text
        self._strings = set(text)  # of these, what pandas has to be told so: it takes longer then
        self._kept = set(text)  # columns in which nothing but a blank cell is no value, so that pandas keeps NA
        self._line = line
        # Of columns with integers and gaps: the largest number of the block in which an E was looked for.
        self._most: dict[int, float] = {}
        # In pandas 2 text is objects: its `astype(str)` would write a missing cell as "nan".
        self.text: Any = str if isinstance(pd.Series(["x"]).dtype, pd.StringDtype) else object
        if backend == "pyarrow":
            import pyarrow as pa

            self.text = pd.ArrowDtype(pa.string())
        self.words: dict[int, str] = {}

    @property
    def dialect(self) -> Dialect:
        """How the table is written, as far as it is known."""
        return self.rules.dialect

    def parse(self, block: bytes) -> Columns:
        """Return a block's rows, as columns that are numbered.

        Raises:
            NoTable: they are no rows of this table.
        """
        quotes = self.rules.quotes_of(block)
        if quotes is not None:
            block = self.rules.plain(block, quotes)
        columns = self._columns(block, quotes)
        if quotes is not None and looks_like_rows(block, quotes, columns, self.dialect):
            if self.dialect.separator != "\t":
                raise NoTable("in which a quoted cell goes on over lines that look like rows of their own")
            self.rules.dialect, quotes = replace(self.dialect, is_quoted=False), None
            columns = self._columns(block, quotes)
        if len(columns[0]):
            self._look_again(columns, block, quotes)
        self._line += len(columns[0]) if quotes is None else block.count(b"\n")  # which takes longer
        return columns

    def _columns(self, block: bytes, quotes: Quotes | None) -> Columns:
        return columns_in(self._frame(block, quotes))

    def _frame(self, block: bytes, quotes: Quotes | None) -> pd.DataFrame:
        try:
            return self._read(block, self.dialect.width)
        except pd.errors.ParserWarning:
            pass
        except pd.errors.ParserError as error:
            if "Expected" not in str(error):
                raise
        return self._longer(block, quotes)

    def _read(self, block: bytes, width: int) -> pd.DataFrame:
        options = self.dialect.options()
        if self._kept:
            options["keep_default_na"] = False
            options["na_values"] = {number: _BLANK if number in self._kept else _NULLS for number in range(width)}
        if strings := (*self._strings, *range(self.dialect.width, width)):
            options["dtype"] = dict.fromkeys(strings, self.text)
        if self._backend:
            options["dtype_backend"] = self._backend
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frame: pd.DataFrame = pd.read_csv(
                io.BytesIO(block), header=None, names=range(width), low_memory=False, encoding="utf-8", **options
            )
        return frame

    def _longer(self, block: bytes, quotes: Quotes | None) -> pd.DataFrame:
        """Read a block with lines that are longer than the header, by blank cells alone.

        Raises:
            NoTable: one of them is not blank.
        """
        signs = np.frombuffer(block, np.uint8)
        ends, commas = (np.flatnonzero(signs == ord(sign)) for sign in ("\n", self.dialect.separator))
        if quotes is not None:
            ends, commas = ends[quotes.outside(ends)], commas[quotes.outside(commas)]
        counts = np.diff(np.searchsorted(commas, [-1, *ends, len(signs)])) + 1
        widest, width = int(counts.max()), self.dialect.width
        check_width(widest)
        frame = self._read(block, widest)
        for number in range(width, widest):
            if (frame[number].dropna().str.strip() != "").any():
                line = int(np.flatnonzero(counts > width)[0])
                raise NoTable(
                    f"whose line {self._line + line:,} has {counts[line]} cells, where the line of names has {width}"
                )
        return frame[list(range(width))]

    def _look_again(self, columns: Columns, block: bytes, quotes: Quotes | None) -> None:
        """Put right what pandas took for a number or for nothing."""
        doubtful = self._doubtful(columns, block, quotes)
        if doubtful:
            options = self.dialect.options() | {"keep_default_na": False, "na_values": _BLANK, "dtype": str}
            texts = pd.read_csv(
                io.BytesIO(block),
                header=None,
                names=range(self.dialect.width),
                usecols=sorted(doubtful),
                encoding="utf-8",
                **options,
            )
            for number in doubtful:
                self._settle(columns, number, texts[number])
        if self.dialect.decimal == ",":
            for number in self._texts - self._asked:
                if (parsed := decimal_commas(columns[number])) is not None:
                    columns[number] = parsed

    def _doubtful(self, columns: Columns, block: bytes, quotes: Quotes | None) -> set[int]:
        """Return the columns whose text is wanted."""
        doubtful: set[int] = set()
        found: set[int] = set()  # integers and floats
        whole: set[int] = set()  # floats that may be what 12E4 was read as
        for number, column in columns.items():
            if number in self._strings:
                continue
            kind, has_gaps = _kind(column)
            if kind in ("string", "empty"):
                doubtful |= {number} if self._may_be_words(number, column, kind, has_gaps=has_gaps) else set()
                self._texts |= {number} if kind == "string" and number not in doubtful else set()
            elif number in self._texts:
                doubtful.add(number)
            elif kind == "floating":
                values = _floats(column)
                most = float(max(np.fmax.reduce(values), -np.fmin.reduce(values)))  # but for NaN
                found.add(number)
                doubtful |= {number} if most >= EXACT else set()
                whole |= {number} if self._may_have_exponents(number, values, most, has_gaps=has_gaps) else set()
            elif kind == "integer":
                found.add(number)
        if found:
            places = zeros_in_front(block, self.dialect.separator)
            doubtful |= columns_of(places, block, self.dialect.separator, quotes) & found
        if whole:
            places = exponents(block, self.dialect.separator)
            doubtful |= columns_of(places, block, self.dialect.separator, quotes) & whole
        return doubtful

    def _may_have_exponents(self, number: int, values: Any, most: float, *, has_gaps: bool) -> bool:
        """Tell whether a column of floats is one of integers and gaps as before, or may have cells such as 12E4."""
        if not _are_whole(values):
            return False
        is_as_before = has_gaps and most <= self._most.get(number, -1)
        self._most.setdefault(number, most)
        return not is_as_before

    def _may_be_words(self, number: int, column: pd.Series[Any], kind: str, *, has_gaps: bool) -> bool:
        """Tell whether a column without numbers may have lost words, or have words that stand for no value."""
        if number not in self._kept:
            return has_gaps or (kind == "string" and number not in self._texts and _has_blank(column))
        return kind == "string" and number not in self._texts

    def _settle(self, columns: Columns, number: int, texts: pd.Series[Any]) -> None:
        """Decide what a column is by the text of its cells."""
        present = texts.dropna()
        words = present.isin(NULL_WORDS)
        kind, _ = _kind(columns[number])
        found: pd.Series[Any] | bool = False
        if number not in self._texts:
            if words.all():
                if len(words):
                    self.words.setdefault(number, str(present.iloc[0]))
                    nothing: Any = "double[pyarrow]" if self._backend else "float64"
                    columns[number] = pd.Series(np.nan if not self._backend else pd.NA, texts.index, nothing)
                else:
                    self._kept.add(number)
                return
            if kind != "string" or number in self._kept or _has_blank(columns[number]):
                is_plain = self.dialect.decimal == "."
                found = numbers(texts if is_plain else texts.str.replace(self.dialect.decimal, ".", regex=False))
        if found is False:
            columns[number] = texts.astype(self.text)
            self._texts.add(number)
            self._kept.add(number)
            if kind != "string" and not words.all():
                self._strings.add(number)
            return
        if found is not True:
            in_arrow: Any = f"{str(found.dtype).lower()}[pyarrow]"
            columns[number] = found.astype(in_arrow) if self._backend else found
        elif kind == "string":
            cells = texts.where(~texts.isin(NULL_WORDS)).str.replace(self.dialect.decimal, ".", regex=False)
            column = pd.to_numeric(cells)
            columns[number] = column.astype("double[pyarrow]") if self._backend else column
        self._kept.discard(number)


def _kind(column: pd.Series[Any]) -> tuple[str, bool]:
    """Return what a column has, and whether cells have no value.

    It is integer, floating, boolean, string, or empty; something else is as pandas calls it.
    """
    kind = column.dtype.kind
    if kind in "iub":
        has_gaps = not isinstance(column.dtype, np.dtype) and column.hasnans
        return "boolean" if kind == "b" else "integer", has_gaps
    if kind == "f":
        is_gap = np.isnan(_floats(column))
        return "empty" if is_gap.all() else "floating", bool(is_gap.any())
    is_gap = column.array.isna()
    if is_gap.all():
        return "empty", True
    has_gaps = bool(is_gap.any())
    if isinstance(column.dtype, pd.StringDtype) and not has_gaps:
        return "string", False
    return str(pd.api.types.infer_dtype(column.iloc[: is_gap.argmin() + 1], skipna=True)), has_gaps


def _has_blank(column: pd.Series[Any]) -> bool:
    """Tell whether blank cells are text, as pandas leaves them among integers of which some are beyond int64."""
    return bool((column == "").any())


def _are_whole(values: Any) -> bool:
    return all(((np.floor(some) == some) | np.isnan(some)).all() for some in (values[:_ENOUGH], values))


def _floats(column: pd.Series[Any]) -> Any:
    return column.to_numpy() if isinstance(column.dtype, np.dtype) else column.to_numpy(np.float64, na_value=np.nan)
