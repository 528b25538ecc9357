"""Hours, days and reads of any span for many points at once, as files that are written while they are read."""
