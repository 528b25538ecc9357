"""From reads and prices to documents: pure, with no database, no clock and no session."""
