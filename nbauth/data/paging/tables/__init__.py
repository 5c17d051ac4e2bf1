"""Answers that are tables in forms of their own, a file for each kin."""
