"""Simulated radio dongles on real pseudo-terminals, speaking the real protocols byte for byte."""
