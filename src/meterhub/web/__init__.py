"""Server-rendered pages beside the API, on the same services."""
