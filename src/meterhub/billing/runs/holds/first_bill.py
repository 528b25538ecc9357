"""The first document of a contract, where a utility wants to look at each."""

from meterhub.billing.runs.holds.model import Case, Rule


def check(case: Case, _on: float) -> str | None:
    """Return that it is the first."""
    return None if case.history.documents else "the first document of this contract"


RULE = Rule("first_bill", None, "1: on", check)
