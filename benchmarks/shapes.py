"""Rows of several shapes, the same each time: what APIs send, made up."""

import json
import random
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

BEGIN = datetime(2024, 1, 1, tzinfo=UTC)
WORDS = (
    "größe",
    "straße",
    "año",
    "coração",
    "東京",
    "köln",
    "naïve",
    "été",
    "мир",
    "data",
    "table",
    "invoice",
    "shipment",
)


def moment(number: int) -> str:
    return (BEGIN + timedelta(seconds=37 * number)).strftime("%Y-%m-%dT%H:%M:%SZ")


def orders(number: int) -> dict[str, object]:
    """Eight columns, about 190 bytes as JSON."""
    dice = random.Random(number)
    return {
        "id": number,
        "reference": f"{dice.getrandbits(64):016x}-{dice.getrandbits(48):012x}-{number:08d}",
        "region": dice.choice(("north", "south", "east", "west")),
        "status": dice.choice(("open", "paid", "sent", "void")),
        "amount": round(dice.random() * 10_000, 2),
        "quantity": dice.randrange(100) if dice.random() > 0.05 else None,
        "express": dice.random() < 0.3,
        "time": moment(number),
    }


def wide(number: int) -> dict[str, object]:
    """Sixty columns: a third of integers, of floats and of short texts."""
    dice = random.Random(number)
    row: dict[str, object] = {"id": number}
    for index in range(20):
        row[f"count{index}"] = dice.randrange(100_000)
        row[f"amount{index}"] = round(dice.random() * 1_000, 3)
        row[f"label{index}"] = f"label {dice.randrange(1_000)}"
    del row["count0"]
    return row


def nested(number: int) -> dict[str, object]:
    """An object of four members with one in it, and a list."""
    dice = random.Random(number)
    return {
        "id": number,
        "customer": {
            "name": f"customer {dice.randrange(5_000)}",
            "city": dice.choice(("Berlin", "Lyon", "Oslo", "Turin")),
            "credit": round(dice.random() * 500, 2),
            "contact": {"mail": f"c{dice.randrange(5_000)}@contoso.example", "verified": dice.random() < 0.5},
        },
        "tags": [dice.choice(("new", "old", "gift", "bulk")) for _ in range(3)],
        "amount": round(dice.random() * 10_000, 2),
    }


def sparse(number: int) -> dict[str, object]:
    """Twenty columns, nineteen values in twenty null."""
    dice = random.Random(number)
    row: dict[str, object] = {"id": number}
    for index in range(10):
        row[f"score{index}"] = round(dice.random(), 4) if dice.random() < 0.05 else None
        row[f"note{index}"] = f"note {dice.randrange(100)}" if dice.random() < 0.05 else None
    return row


def entities(number: int) -> dict[str, object]:
    """OData's: an ETag with escaped quotes, GUIDs, and what was formatted."""
    dice = random.Random(number)
    return {
        "@odata.etag": f'W/"{dice.getrandbits(32)}"',
        "accountid": str(uuid.UUID(int=dice.getrandbits(128), version=4)),
        "_ownerid_value": str(uuid.UUID(int=dice.getrandbits(128), version=4)),
        "name": f"Contoso {dice.randrange(10_000)}",
        "revenue": round(dice.random() * 1_000_000, 2),
        "revenue@OData.Community.Display.V1.FormattedValue": f"€{dice.randrange(1_000_000):,}",
        "statecode": dice.randrange(2),
    }


def dates(number: int) -> dict[str, object]:
    """Five dates a row."""
    return {"id": number, **{f"time{index}": moment(number * (index + 1)) for index in range(5)}}


def texts(number: int) -> dict[str, object]:
    """1.6 KB of text a row, much of it not ASCII."""
    dice = random.Random(number)
    return {"id": number, "body": " ".join(dice.choice(WORDS) for _ in range(230)), "stars": dice.randrange(5)}


SHAPES: dict[str, Callable[[int], dict[str, object]]] = {
    function.__name__: function for function in (orders, wide, nested, sparse, entities, dates, texts)
}
TIMES = frozenset({"time", *(f"time{index}" for index in range(5))})  # columns of moments


def encode(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
