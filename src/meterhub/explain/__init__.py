"""Follows an invoice back to the frames it came from, a read to its bytes; computes every step again."""

from meterhub.explain.chain import invoice
from meterhub.explain.model import Explanation, Step, Verdict
from meterhub.explain.read import ReadExplanation, read

__all__ = ["Explanation", "ReadExplanation", "Step", "Verdict", "invoice", "read"]
