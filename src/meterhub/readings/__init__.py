"""Register reads and what is derived from them: hourly, daily and monthly consumption."""
