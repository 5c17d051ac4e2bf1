"""The magics: `%login`, `%logout`, `%whoami` and `%read`, with the help and the completion of their lines."""

from __future__ import annotations

from nbauth.magics.line_magics import NbauthMagics, register

__all__ = ["NbauthMagics", "register"]
