"""Where the sun stands: the formulas of NOAA's Solar Calculator.

After Meeus, *Astronomical Algorithms*, as in NOAA's spreadsheet
(https://gml.noaa.gov/grad/solcalc/calcdetails.html). A work of the United States government, in the public domain.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import acos, asin, atan2, cos, degrees, radians, sin, tan

__all__ = ["Sky", "day_arc", "position", "sky"]

_J2000_UNIX_S = 946_728_000  # 2000-01-01T12:00:00Z
_CENTURY_S = 36_525 * 86_400
# Half the sun's disc and the refraction at the horizon.
SUNRISE_ZENITH = radians(90.833)


@dataclass(frozen=True, slots=True)
class Sky:
    """The sun at a moment, wherever one stands.

    Attributes:
        declination: in radians.
        equation_of_time_min: by how many minutes a sundial is ahead of a clock.
    """

    declination: float
    equation_of_time_min: float


@lru_cache(maxsize=4096)
def sky(unix_s: int) -> Sky:
    """Return the sun's declination and the equation of time at a moment."""
    century = (unix_s - _J2000_UNIX_S) / _CENTURY_S
    longitude = (280.46646 + century * (36000.76983 + century * 0.0003032)) % 360
    anomaly = radians(357.52911 + century * (35999.05029 - 0.0001537 * century))
    eccentricity = 0.016708634 - century * (0.000042037 + 0.0000001267 * century)
    center = (
        sin(anomaly) * (1.914602 - century * (0.004817 + 0.000014 * century))
        + sin(2 * anomaly) * (0.019993 - 0.000101 * century)
        + sin(3 * anomaly) * 0.000289
    )
    node = radians(125.04 - 1934.136 * century)
    apparent = radians(longitude + center - 0.00569 - 0.00478 * sin(node))
    seconds = 21.448 - century * (46.815 + century * (0.00059 - century * 0.001813))
    obliquity = radians(23 + (26 + seconds / 60) / 60 + 0.00256 * cos(node))
    y = tan(obliquity / 2) ** 2
    mean = radians(longitude)
    equation = (
        y * sin(2 * mean)
        - 2 * eccentricity * sin(anomaly)
        + 4 * eccentricity * y * sin(anomaly) * cos(2 * mean)
        - 0.5 * y * y * sin(4 * mean)
        - 1.25 * eccentricity * eccentricity * sin(2 * anomaly)
    )
    return Sky(asin(sin(obliquity) * sin(apparent)), 4 * degrees(equation))


def position(at: Sky, minute_of_day: float, latitude: float, longitude: float) -> tuple[float, float]:
    """Return elevation and azimuth of the sun's centre in degrees, without refraction.

    Args:
        at: the sun at that moment.
        minute_of_day: minutes since midnight UTC.
        latitude: degrees north.
        longitude: degrees east.

    Returns:
        Degrees above the horizon, and degrees clockwise from north.
    """
    hour_angle = radians((minute_of_day + at.equation_of_time_min + 4 * longitude) / 4 - 180)
    phi = radians(latitude)
    sine = sin(phi) * sin(at.declination) + cos(phi) * cos(at.declination) * cos(hour_angle)
    azimuth = atan2(sin(hour_angle), cos(hour_angle) * sin(phi) - tan(at.declination) * cos(phi))
    return degrees(asin(max(-1.0, min(1.0, sine)))), (degrees(azimuth) + 180) % 360


def day_arc(noon: Sky, latitude: float, longitude: float) -> tuple[float, float] | None:
    """Return when the sun rises, and for how long it is up.

    Args:
        noon: the sun at noon UTC of the day.
        latitude: degrees north.
        longitude: degrees east.

    Returns:
        Minutes from midnight UTC to sunrise, negative if it falls on the evening before, and minutes between sunrise
        and sunset. None in polar night and polar day.
    """
    phi = radians(latitude)
    cosine = cos(SUNRISE_ZENITH) / (cos(phi) * cos(noon.declination)) - tan(phi) * tan(noon.declination)
    if not -1 <= cosine <= 1:
        return None
    half_day_min = 4 * degrees(acos(cosine))
    solar_noon_min = 720 - 4 * longitude - noon.equation_of_time_min
    return solar_noon_min - half_day_min, 2 * half_day_min
