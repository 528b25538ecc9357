"""Follows an invoice back to the frames it came from, and computes every step again."""

from meterhub.explain.chain import invoice
from meterhub.explain.model import Explanation, Step, Verdict

__all__ = ["Explanation", "Step", "Verdict", "invoice"]
