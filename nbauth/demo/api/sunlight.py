"""The demo's data: where the sun stood, hour by hour, over ten cities from the equator to 78° north.

Computed by `nbauth.demo.api.sun`, so every figure means something and can be checked against an almanac. Where the
cities lie is common knowledge; nothing in the data is anybody's property.

One row an hour and city, from 2025-01-01T00:00:00Z on:

====================  =============================================================================================
``id``                row number, from 0
``time``              the hour, ISO 8601 in UTC
``city``              name of the city
``elevation_deg``     degrees of the sun's centre above the horizon, without refraction
``azimuth_deg``       degrees clockwise from north
``daylight``          whether any of the sun's disc is above the horizon, as refraction lifts it
``sunrise``           sunrise of the day whose noon is on the UTC date of ``time``; null in polar night and polar day.
                      Far in the east it falls on the evening before, in UTC.
``day_length_min``    minutes from sunrise to sunset; null where there is no sunrise
``location``          the city's ``latitude``, ``longitude`` and ``country``
====================  =============================================================================================
"""

from __future__ import annotations

import datetime as dt
import io
import json
import threading
from dataclasses import asdict, dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, Literal

from nbauth.demo.api.sun import day_arc, position, sky

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["CITIES", "COLUMNS", "CSV_HEADER", "City", "Sunlight", "row"]

COLUMNS = (
    "id", "time", "city", "elevation_deg", "azimuth_deg", "daylight", "sunrise", "day_length_min", "location",
)  # fmt: skip
CSV_HEADER = ",".join((*COLUMNS[:-1], "location.latitude", "location.longitude", "location.country")) + "\n"
BLOCK = 1_000

_START = dt.datetime(2025, 1, 1, tzinfo=dt.UTC)
_START_S = int(_START.timestamp())


@dataclass(frozen=True)
class City:
    """A city and where it lies."""

    name: str
    country: str
    latitude: float
    longitude: float

    @property
    def location(self) -> dict[str, Any]:
        """The nested object in each of its rows."""
        return {"latitude": self.latitude, "longitude": self.longitude, "country": self.country}

    def to_dict(self) -> dict[str, Any]:
        """Return the city as the API's `/cities` has it."""
        return asdict(self)


CITIES = (
    City("Quito", "Ecuador", -0.1807, -78.4678),
    City("Singapore", "Singapore", 1.3521, 103.8198),
    City("São Paulo", "Brazil", -23.5505, -46.6333),
    City("Cairo", "Egypt", 30.0444, 31.2357),
    City("Tokyo", "Japan", 35.6762, 139.6503),
    City("Auckland", "New Zealand", -36.8509, 174.7645),
    City("Zürich", "Switzerland", 47.3769, 8.5417),
    City("Reykjavík", "Iceland", 64.1466, -21.9426),
    City("Tromsø", "Norway", 69.6492, 18.9553),
    City("Longyearbyen", "Norway", 78.2232, 15.6267),
)


def row(index: int) -> dict[str, Any]:
    """Return one row; a pure function of its number."""
    hour, place = divmod(index, len(CITIES))
    city = CITIES[place]
    moment_s = _START_S + hour * 3600
    elevation, azimuth = position(sky(moment_s), hour % 24 * 60, city.latitude, city.longitude)
    sunrise, day_length_min = _day(hour // 24, place)
    return {
        "id": index,
        "time": _iso(moment_s),
        "city": city.name,
        "elevation_deg": round(elevation, 4),
        "azimuth_deg": round(azimuth, 4),
        "daylight": elevation > -0.833,
        "sunrise": sunrise,
        "day_length_min": day_length_min,
        "location": city.location,
    }


@cache
def _day(day: int, place: int) -> tuple[str | None, int | None]:
    city = CITIES[place]
    midnight_s = _START_S + day * 86_400
    arc = day_arc(sky(midnight_s + 43_200), city.latitude, city.longitude)
    if arc is None:
        return None, None
    sunrise_min, length_min = arc
    return _iso(midnight_s + round(sunrise_min * 60)), round(length_min)


@lru_cache(maxsize=64)
def _iso(unix_s: int) -> str:
    return f"{dt.datetime.fromtimestamp(unix_s, dt.UTC):%Y-%m-%dT%H:%M:%SZ}"


_LOCATIONS = [json.dumps(city.location, ensure_ascii=False, separators=(",", ":")) for city in CITIES]
_NAMES = [json.dumps(city.name, ensure_ascii=False) for city in CITIES]


def _json_line(values: dict[str, Any], place: int) -> str:
    # A third of what json.dumps takes, for the same text.
    sunrise, length = values["sunrise"], values["day_length_min"]
    return (
        f'{{"id":{values["id"]},"time":"{values["time"]}","city":{_NAMES[place]},'
        f'"elevation_deg":{values["elevation_deg"]!r},"azimuth_deg":{values["azimuth_deg"]!r},'
        f'"daylight":{"true" if values["daylight"] else "false"},'
        f'"sunrise":{"null" if sunrise is None else chr(34) + sunrise + chr(34)},'
        f'"day_length_min":{"null" if length is None else length},"location":{_LOCATIONS[place]}}}'
    )


def _csv_line(values: dict[str, Any], place: int) -> str:
    city = CITIES[place]
    length = values["day_length_min"]
    return (
        f"{values['id']},{values['time']},{city.name},{values['elevation_deg']!r},{values['azimuth_deg']!r},"
        f"{'true' if values['daylight'] else 'false'},{values['sunrise'] or ''},{'' if length is None else length},"
        f"{city.latitude!r},{city.longitude!r},{city.country}"
    )


_LINE: dict[str, Callable[[dict[str, Any], int], str]] = {"json": _json_line, "ndjson": _json_line, "csv": _csv_line}
_BETWEEN = {"json": ",", "ndjson": "\n", "csv": "\n"}
_AFTER = {"json": "", "ndjson": "\n", "csv": "\n"}


class Sunlight:
    """So many rows, encoded on first use and kept.

    Args:
        rows: how many rows there are.
    """

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self._blocks: dict[tuple[str, int], bytes] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return self.rows

    def encoded(self, kind: Literal["json", "ndjson", "csv"], start: int, stop: int) -> bytes:
        """Return rows as text: comma-separated JSON objects, or whole lines.

        Args:
            kind: what the rows are to be.
            start: number of the first row.
            stop: number after the last one.
        """
        stop = min(stop, self.rows)
        if start % BLOCK == 0 and stop - start == BLOCK:
            key = (kind, start)
            block = self._blocks.get(key)
            if block is None:
                block = self._encode(kind, start, stop)
                with self._lock:
                    self._blocks[key] = block
            return block
        if start % BLOCK == 0 and (stop - start) % BLOCK == 0 and stop > start:
            parts = [self.encoded(kind, at, at + BLOCK) for at in range(start, stop, BLOCK)]
            return (b"," if kind == "json" else b"").join(parts)
        return self._encode(kind, start, stop)

    def stream(self, kind: Literal["ndjson", "csv"]) -> Iterator[bytes]:
        """Yield all rows as lines, a block at a time."""
        if kind == "csv":
            yield CSV_HEADER.encode()
        for start in range(0, self.rows, BLOCK):
            yield self.encoded(kind, start, start + BLOCK)

    def parquet(self) -> bytes:
        """Return all rows as a Parquet file, with times as timestamps.

        Raises:
            ImportError: pyarrow is not installed.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        table = pa.Table.from_pylist([row(index) for index in range(self.rows)])
        for name in ("time", "sunrise"):
            at = table.schema.get_field_index(name)
            table = table.set_column(at, name, table[name].cast(pa.timestamp("s", tz="UTC")))
        buffer = io.BytesIO()
        pq.write_table(table, buffer)
        return buffer.getvalue()

    def _encode(self, kind: str, start: int, stop: int) -> bytes:
        line = _LINE[kind]
        if start >= stop:
            return b""
        lines = [line(row(index), index % len(CITIES)) for index in range(start, stop)]
        return (_BETWEEN[kind].join(lines) + _AFTER[kind]).encode()
