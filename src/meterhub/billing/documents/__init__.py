"""Issued documents as their readers see them: what paper and e-invoices share, in four languages; pure."""
