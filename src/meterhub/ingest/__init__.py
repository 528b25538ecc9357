"""Batches of frames in: dedupe, keep, decrypt, decode, store the read; what fails waits in quarantine."""
