"""Findings in consumption that somebody should act on: detectors and the life of an alert."""
