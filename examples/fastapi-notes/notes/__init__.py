"""A notebook behind an HTTP API."""
