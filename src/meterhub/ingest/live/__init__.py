"""Reads as they come in, to whoever watches: one question to the database a second, however many watch."""
