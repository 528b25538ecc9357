"""Simulated meters, dongles and a town, for the demo, for tests and for benchmarks."""
