"""Small shared parts that know nothing of water: database, clock, money, paging, logging."""
