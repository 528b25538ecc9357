"""A contract on automatic reads whose meter has no read at the period's end."""

from meterhub.billing.runs.holds.model import Case, Rule


def check(case: Case, _on: float) -> str | None:
    """Return what is wrong if a bill that should rest on reads rests on an estimate."""
    if case.regime != "amr" or not case.bills[0].is_estimated:
        return None
    return f"the last read is of {case.bills[0].last_read_on}; what follows is estimated from earlier use"


RULE = Rule("missing_reads", 1, "1: on", check)
