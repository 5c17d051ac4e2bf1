"""The demo's protected API, and the data that it serves."""
