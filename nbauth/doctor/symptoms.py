"""What an error of nbauth's own means: the rows of `docs/wrong.md` that name its class."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from nbauth import errors
from nbauth.errors import ConfigError
from nbauth.frontend.text import one_line, wrapped

__all__ = ["PAGE", "Symptom", "symptoms"]

PAGE = "docs/wrong.md"
_ROW = re.compile(r"^\| (.+?) \| (.+?) \| (.+?) \|$", re.MULTILINE)
_LINK = re.compile(r"\[([^\]]+)\]\(([\w/-]+\.md)(?:#[\w-]+)?\)")
_CODE = re.compile(r"(`+)(.+?)\1")
_NAMES = {name.lower(): name for name in errors.__all__}


@dataclass(frozen=True, kw_only=True)
class Symptom:
    """A row of the page.

    Attributes:
        seen: what a person sees: the error's name, and what follows it.
        why: why it comes.
        cure: what to do.
    """

    seen: str
    why: str
    cure: str

    def lines(self, *, width: int | None = None) -> list[str]:
        """Return it as lines for a terminal, by default as wide as that is."""
        parts = ("", self.seen), ("  Why: ", self.why), ("  What to do: ", self.cure)
        return [line for head, text in parts for line in wrapped(one_line(text), head=head, width=width)]


def symptoms(text: str) -> list[Symptom]:
    """Return the rows for the first error that a text names, such as ``SignInRequired``; none where it names none.

    Raises:
        ConfigError: the page is missing from this installation.
    """
    names = [_NAMES[word.lower()] for word in re.findall(r"\w+", text) if word.lower() in _NAMES]
    if not names:
        return []
    of_it = re.compile(rf"`{names[0]}\b")
    return [
        Symptom(seen=_plain(seen), why=_plain(why), cure=_plain(cure))
        for seen, why, cure in _rows()
        if of_it.search(seen)
    ]


def _rows() -> list[tuple[str, str, str]]:
    """Return the rows of the page: a wheel's own copy, or the checkout's."""
    here = Path(__file__).parent
    for page in (here / "wrong.md", here.parent.parent / PAGE):
        if page.is_file():
            return _ROW.findall(page.read_text(encoding="utf-8"))
    raise ConfigError(f"{PAGE} is missing from this installation.", next_step="Reinstall nbauth.")


def _plain(cell: str) -> str:
    """Return a cell as it is read in a terminal, with the page that each link leads to."""
    cell = _LINK.sub(r"\1 (docs/\2)", cell)
    return _CODE.sub(lambda code: code[2], cell).replace("**", "")
