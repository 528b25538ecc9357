"""Billing runs: what they load, how they rate it, and how they issue the documents."""
