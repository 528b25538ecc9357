"""The demo: a simulated town on the production path, by the same commands and the same HTTP as a utility."""
