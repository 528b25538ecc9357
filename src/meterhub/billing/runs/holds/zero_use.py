"""No use at all, now and before: an empty house, or a meter that has stopped."""

from meterhub.billing.runs.holds.model import Case, Rule


def check(case: Case, days: float) -> str | None:
    """Return what is wrong if nothing was used in this and the document before, over so many days at least."""
    bill = case.bills[0]
    if bill.daily_l is None or bill.daily_l != 0 or case.history.last_daily_l != 0:
        return None
    if bill.period.days < days:
        return None
    return f"no use in {bill.period.days} days, and none in the document before"


RULE = Rule("zero_use", 60, "days", check)
