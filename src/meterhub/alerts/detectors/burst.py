"""Burst: a high rate that does not let up for 3 hours, or a lower one for 6, beyond the meter's own habit."""

from meterhub.alerts.detectors import Finding, Severity
from meterhub.alerts.flow import HOUR_S, WINDOWS_H, Moment
from meterhub.alerts.habits import Limits

KIND = "burst"
INCLUDED_IN: frozenset[str] = frozenset()
NORMAL_AFTER_S = 12 * HOUR_S
WINDOWS = (0, 1)
# The flow belongs to the same event while it stays above this share of the lowest rate in the window.
SAME_EVENT = 0.7


def detect(moment: Moment, limits: Limits) -> Finding | None:
    """Return the burst that is running at this read, if any."""
    for window in WINDOWS:
        lowest = moment.lowest_ml_h[window]
        if lowest >= limits.rate_ml_h[window]:
            return Finding(
                KIND,
                Severity.HIGH,
                onset_s=moment.since(SAME_EVENT * lowest),
                seen_until_s=moment.at_s,
                rate_ml_h=round(lowest),
                evidence={
                    "rule": "rate",
                    "hours": WINDOWS_H[window],
                    "lowest_l_h": round(lowest / 1000, 1),
                    "limit_l_h": round(limits.rate_ml_h[window] / 1000, 1),
                    "own_highest_l_h": round(limits.own_highest_ml_h[window] / 1000, 1),
                    "days_learned": limits.days,
                },
            )
    return None
