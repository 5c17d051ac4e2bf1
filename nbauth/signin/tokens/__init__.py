"""Keeping and renewing tokens."""
