"""The small HTTP server under the demo's provider and API."""
