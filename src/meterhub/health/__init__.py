"""Is this installation well? Metrics for machines at `/metrics`, checks with advice by `meterhub doctor`."""
