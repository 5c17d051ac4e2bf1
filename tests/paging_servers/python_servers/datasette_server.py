"""Datasette: a cursor `next`, a link `next_url`, and a Link header."""

from __future__ import annotations

import sqlite3
import tempfile
from pathlib import Path

from datasette.app import Datasette
from sample_rows import SIZES, rows, run_asgi

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "data.db")
        with sqlite3.connect(path) as database:
            for size in SIZES:
                database.execute(f"create table rows{size} (id integer primary key, name text, amount real)")
                database.executemany(f"insert into rows{size} values (:id, :name, :amount)", rows(size))  # noqa: S608
        run_asgi(Datasette([str(path)], settings={"default_page_size": 10}).app())
