"""Money in and out: bank files, matching, clerks' corrections, refunds, write-offs, accounting export."""
