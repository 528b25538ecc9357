"""The receivables ledger: what each customer owes, as a sum of entries that are never changed."""
