"""The data: that its figures are the sun's."""

from __future__ import annotations

import datetime as dt
import json

import pytest

from nbauth.demo.api.sun import day_arc, position, sky
from nbauth.demo.api.sunlight import BLOCK, CITIES, COLUMNS, CSV_HEADER, Sunlight, row


def unix(text: str) -> int:
    """Return a time as seconds since the epoch."""
    return int(dt.datetime.fromisoformat(text).timestamp())


@pytest.mark.parametrize(
    ("moment", "declination"),
    [
        ("2025-03-20T09:01:00+00:00", 0.0),  # equinoxes and solstices as the almanacs have them
        ("2025-06-21T02:42:00+00:00", 23.436),
        ("2025-09-22T18:19:00+00:00", 0.0),
        ("2025-12-21T15:03:00+00:00", -23.436),
    ],
)
def test_the_seasons(moment: str, declination: float):
    """The sun stands over the equator at the equinoxes and over the tropics at the solstices."""
    from math import degrees

    assert declination == pytest.approx(degrees(sky(unix(moment)).declination), abs=0.01)


def test_the_equation_of_time():
    """A sundial is a good 14 minutes slow in mid-February and 16 minutes fast in early November."""
    assert pytest.approx(sky(unix("2025-02-11T12:00:00+00:00")).equation_of_time_min, abs=0.1) == -14.2
    assert pytest.approx(sky(unix("2025-11-03T12:00:00+00:00")).equation_of_time_min, abs=0.1) == 16.4


def test_sunrise_in_greenwich():
    """At Greenwich the sun rose at 8:06 on New Year's Day 2025 and at 3:43 UTC at midsummer."""
    for day, expected in (("2025-01-01", 8 * 60 + 6), ("2025-06-21", 3 * 60 + 43)):
        arc = day_arc(sky(unix(f"{day}T12:00:00+00:00")), 51.4779, 0.0)
        assert arc
        assert expected == pytest.approx(arc[0], abs=1.5)


def test_noon_is_south_or_north():
    """At solar noon the sun is due south of the tropics' north, and due north of their south."""
    at = sky(unix("2025-01-15T12:00:00+00:00"))
    noon_min = 720 - at.equation_of_time_min
    assert pytest.approx(
        (position(at, noon_min, 47.0, 0.0)[1], position(at, noon_min, -47.0, 0.0)[1] % 360), abs=1e-6
    ) == (180.0, 0.0)


def test_a_row_is_a_function_of_its_number():
    """A row is nine columns, a pure function of its number."""
    assert tuple(row(0)) == COLUMNS
    assert row(0) == {
        "id": 0,
        "time": "2025-01-01T00:00:00Z",
        "city": "Quito",
        "elevation_deg": -9.7415,
        "azimuth_deg": 246.6118,
        "daylight": False,
        "sunrise": "2025-01-01T11:13:38Z",
        "day_length_min": 728,
        "location": {"latitude": -0.1807, "longitude": -78.4678, "country": "Ecuador"},
    }
    assert row(12_345) == row(12_345)


def test_polar_night_and_day():
    """In Longyearbyen there is no sunrise in January and none in June, dark in one and light in the other."""
    place = [city.name for city in CITIES].index("Longyearbyen")
    january, june = row(place), row(place + 10 * 24 * 170)
    assert (january["sunrise"], january["day_length_min"], january["daylight"]) == (None, None, False)
    assert (june["sunrise"], june["day_length_min"], june["daylight"]) == (None, None, True)


def test_daylight_agrees_with_sunrise():
    """Half an hour from sunrise on, `daylight` and the sunrise agree, in all cities and all year."""
    for index in range(0, 87_600, 7):
        values = row(index)
        if values["sunrise"] is None:
            continue
        now, rise = (dt.datetime.fromisoformat(values[name]) for name in ("time", "sunrise"))
        minutes = (now - rise).total_seconds() / 60
        if 30 < minutes < values["day_length_min"] - 30:
            assert values["daylight"], values
        if -200 < minutes < -30 and abs(values["location"]["latitude"]) < 60:
            assert not values["daylight"], values


def test_text_is_what_json_makes_of_it():
    """The hand-made JSON is byte for byte what `json` would write."""
    rows = [row(index) for index in range(3_000)]
    expected = ",".join(json.dumps(each, ensure_ascii=False, separators=(",", ":")) for each in rows)
    assert expected.encode() == Sunlight(3_000).encoded("json", 0, 3_000)


@pytest.mark.parametrize(
    ("start", "stop"), [(0, BLOCK), (0, 2 * BLOCK), (5, 17), (BLOCK, 2_500), (2_499, 9_999), (3_000, 4_000)]
)
def test_any_slice(start: int, stop: int):
    """Any slice holds the rows it should, in whole blocks and across them."""
    data = Sunlight(2_500)
    values = json.loads(b"[" + data.encoded("json", start, stop) + b"]")
    assert list(range(start, min(stop, 2_500))) == [each["id"] for each in values]


def test_csv_lines():
    """CSV has a header and a line a row."""
    text = b"".join(Sunlight(1_500).stream("csv")).decode()
    assert text.startswith(CSV_HEADER)
    assert text.count("\n") == 1_501
