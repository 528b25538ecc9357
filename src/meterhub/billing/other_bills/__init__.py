"""Bills that no meter gives: connections, work, building supervision and services, from a price list."""
