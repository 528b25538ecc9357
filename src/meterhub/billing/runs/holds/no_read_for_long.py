"""Too long since an actual read (billing rules, 2.8)."""

from meterhub.billing.runs.holds.model import Case, Rule


def check(case: Case, months: float) -> str | None:
    """Return what is wrong if the last actual read lies more than so many months back."""
    last = case.bills[0].last_read_on
    if last is None or not case.bills[0].is_estimated:
        return None
    end = case.bills[0].period.end
    since = (end.year - last.year) * 12 + end.month - last.month - (end.day < last.day)
    return f"the last actual read is of {last}, {since} months ago" if since > months else None


RULE = Rule("no_read_for_long", 24, "months", check)
