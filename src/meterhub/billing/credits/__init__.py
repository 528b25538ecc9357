"""Credit notes: issued documents returned, whole or by line, as they are stored and never computed again."""
