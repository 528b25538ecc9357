"""Background jobs and schedules on the PostgreSQL queue."""
