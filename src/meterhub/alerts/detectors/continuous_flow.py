"""Continuous flow: water that never stands still for longer than this meter's own habit.

Two signs, either is enough: the lowest rate over 12, 24, 48 or 72 hours is above the limit for that time
(a toilet that runs for half a day at a time, a steady leak), or no span without use was seen for
clip(2 x the longest own time without, 24 h, 96 h) (a small leak).
"""

from meterhub.alerts.detectors import Finding, severity_of
from meterhub.alerts.flow import HOUR_S, WINDOWS_H, Moment
from meterhub.alerts.habits import Limits

KIND = "continuous-flow"
INCLUDED_IN = frozenset({"burst"})
# Three days of ordinary use end an alert even where the register is too coarse to show still water.
NORMAL_AFTER_S = 72 * HOUR_S
WINDOWS = (2, 3, 4, 5)
# The flow belongs to the same event while it stays above this share of the lowest rate in the window.
SAME_EVENT = 0.7


def detect(moment: Moment, limits: Limits) -> Finding | None:
    """Return the unbroken flow at this read, if any; the longest window that shows it gives its rate."""
    for window in reversed(WINDOWS):
        lowest = moment.lowest_ml_h[window]
        if lowest >= limits.rate_ml_h[window]:
            return _finding(
                moment,
                limits,
                lowest,
                {
                    "rule": "rate",
                    "hours": WINDOWS_H[window],
                    "limit_l_h": round(limits.rate_ml_h[window] / 1000, 1),
                    "own_highest_l_h": round(limits.own_highest_ml_h[window] / 1000, 1),
                },
            )
    if limits.unstill_s is not None and moment.unstill_s >= limits.unstill_s:
        evidence: dict[str, float | int | str] = {"rule": "duration", "limit_hours": _hours(limits.unstill_s)}
        return _finding(moment, limits, moment.unstill_ml_h, evidence)
    return None


def _finding(
    moment: Moment, limits: Limits, lowest_ml_h: float, evidence: dict[str, float | int | str]
) -> Finding:
    return Finding(
        KIND,
        severity_of(lowest_ml_h),
        onset_s=moment.since(SAME_EVENT * lowest_ml_h),
        seen_until_s=moment.at_s,
        rate_ml_h=round(lowest_ml_h),
        evidence={
            **evidence,
            "lowest_l_h": round(lowest_ml_h / 1000, 1),
            "hours_without_still": _hours(moment.unstill_s),
            "own_longest_hours": _hours(limits.own_unstill_s),
            "days_learned": limits.days,
        },
    )


def _hours(seconds: int) -> int:
    return seconds // HOUR_S
