"""Validation, estimation and editing of reads and hours: rules, findings, estimates of gaps, edits by people."""
