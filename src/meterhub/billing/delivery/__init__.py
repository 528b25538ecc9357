"""How documents reach customers: an outbox in the database, and a job that empties it channel by channel."""
