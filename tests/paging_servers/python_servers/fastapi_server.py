"""fastapi-pagination: pages by number and by offset, with totals and no links."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi_pagination import LimitOffsetPage, Page, add_pagination, paginate  # noqa: TC002 - FastAPI reads the annotations
from sample_rows import rows, run_asgi

app = FastAPI()


@app.get("/number/rows{count}")
def by_number(count: int) -> Page[dict[str, Any]]:
    """`items` beside `total`, `page`, `size` and `pages`."""
    return paginate(rows(count))


@app.get("/offset/rows{count}")
def by_offset(count: int) -> LimitOffsetPage[dict[str, Any]]:
    """`items` beside `total`, `limit` and `offset`."""
    return paginate(rows(count))


add_pagination(app)

if __name__ == "__main__":
    run_asgi(app)
