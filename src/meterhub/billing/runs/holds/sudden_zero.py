"""Use that stops at once (billing rules, 2.8)."""

from meterhub.billing.runs.holds.model import Case, Rule


def check(case: Case, least_l: float) -> str | None:
    """Return what is wrong if nothing was used where at least so many litres a day were before."""
    usual, now = case.history.last_daily_l, case.bills[0].daily_l
    if now is None or now != 0 or usual is None or float(usual) < least_l:
        return None
    return f"no use at all, where the document before billed {usual:.0f} l a day"


RULE = Rule("sudden_zero", 50, "l a day before", check)
