"""Mean use far above what the last four documents billed (billing rules, 2.8)."""

from meterhub.billing.runs.holds.model import Case, Rule


def check(case: Case, times: float) -> str | None:
    """Return what is wrong if mean use is more than so many times the usual."""
    usual, now = case.history.daily_l, case.bills[0].daily_l
    if not usual or now is None or float(now) <= times * float(usual):
        return None
    return f"mean use is {now:.0f} l a day, {now / usual:.1f} times the {usual:.0f} l of the documents before"


RULE = Rule("implausible_volume", 3, "times the mean of the last four documents", check)
