"""``nbauth doctor``: what is found here, what the providers say just now, and what mends it.

It prints nothing and keeps nothing. `examine` returns a report, which the command line shows.
"""

from __future__ import annotations

from nbauth.doctor.examination import examine
from nbauth.doctor.report import Report, lines_of

__all__ = ["Report", "examine", "lines_of"]
