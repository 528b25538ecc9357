"""Customers asked to read their meters, and what they report: judged, confirmed, taken as reads."""
