"""A document that gives back more than a clerk should let pass unseen."""

from meterhub.billing.runs.holds.model import Case, Rule


def check(case: Case, limit: float) -> str | None:
    """Return what is wrong if a credit note is above the limit, in the run's currency."""
    worst = min(bill.document.gross for bill in case.bills)
    return f"gives back {-worst} {case.currency}" if worst < -limit else None


RULE = Rule("large_credit", 500, "in the run's currency", check)
