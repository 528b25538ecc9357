"""meterhub: open head-end, meter data, billing and leak detection for water utilities."""
