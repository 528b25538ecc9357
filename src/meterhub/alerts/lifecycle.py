"""How findings become alerts: raise, keep, close, reopen. Pure; one alert a kind is open at a time."""

from dataclasses import dataclass, replace
from enum import StrEnum

from meterhub.alerts.detectors import Detector, Finding, Severity
from meterhub.alerts.flow import HOUR_S, Moment

# Water that stood still twice, this far apart, does not leak any more.
STILL_APART_S = 3 * HOUR_S
# Flow that comes back within this is the same event.
REOPEN_WITHIN_S = 7 * 24 * HOUR_S
# A repair shows in the reads only after some hours.
REPAIR_SHOWS_WITHIN_S = 24 * HOUR_S
_RANK = {Severity.LOW: 0, Severity.MEDIUM: 1, Severity.HIGH: 2}


class Outcome(StrEnum):
    """Why an alert was closed: `ended` by the detector, the others by a person."""

    ENDED = "ended"
    RESOLVED = "resolved"
    FALSE = "false"
    EXPIRED = "expired"


class Action(StrEnum):
    """What happens to an alert."""

    RAISED = "raised"
    EVIDENCE = "evidence"
    REOPENED = "reopened"
    ACKNOWLEDGED = "acknowledged"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert as the lifecycle sees it; times are UTC seconds since 1970."""

    kind: str
    severity: Severity
    onset_s: int
    raised_s: int
    seen_until_s: int
    rate_ml_h: int
    volume_ml: int
    evidence: dict[str, float | int | str]
    closed_s: int | None = None
    outcome: Outcome | None = None

    @property
    def is_open(self) -> bool:
        """Tell whether the alert still asks for somebody's attention."""
        return self.closed_s is None


def advance(
    alert: Alert | None, finding: Finding | None, moment: Moment, detector: Detector
) -> tuple[Alert | None, Action | None]:
    """Return the alert after one more read, and what happened to it (None: nothing that people need to know)."""
    if alert is not None and alert.is_open:
        return _keep(alert, finding) if finding else _close_if_over(alert, moment, detector)
    if finding is None or (alert is not None and _is_told(alert, finding)):
        return alert, None
    if alert is not None and _is_same(alert, finding):
        kept, _ = _keep(replace(alert, closed_s=None, outcome=None), finding)
        return kept, Action.REOPENED
    raised = Alert(
        finding.kind,
        finding.severity,
        finding.onset_s,
        moment.at_s,
        finding.seen_until_s,
        finding.rate_ml_h,
        finding.volume_ml,
        finding.evidence,
    )
    return raised, Action.RAISED


def _is_told(alert: Alert, finding: Finding) -> bool:
    """Tell whether somebody has dealt with this very flow already."""
    assert alert.closed_s is not None
    if finding.seen_until_s <= alert.closed_s:
        return True
    if alert.outcome is Outcome.FALSE:
        return finding.onset_s <= alert.closed_s or finding.seen_until_s - alert.closed_s <= REOPEN_WITHIN_S
    return (
        alert.outcome is not Outcome.ENDED
        and finding.onset_s <= alert.closed_s
        and finding.seen_until_s - alert.closed_s <= REPAIR_SHOWS_WITHIN_S
    )


def _is_same(alert: Alert, finding: Finding) -> bool:
    assert alert.closed_s is not None
    return alert.outcome is not Outcome.FALSE and finding.seen_until_s - alert.closed_s <= REOPEN_WITHIN_S


def _keep(alert: Alert, finding: Finding) -> tuple[Alert, Action | None]:
    """Take over the new evidence; the loss grows by the time that the flow was seen since."""
    worse = _RANK[finding.severity] > _RANK[alert.severity]
    seen_until_s = max(alert.seen_until_s, finding.seen_until_s)
    further_s = seen_until_s - max(alert.seen_until_s, finding.onset_s)
    kept = replace(
        alert,
        severity=finding.severity if worse else alert.severity,
        onset_s=min(alert.onset_s, finding.onset_s),
        seen_until_s=seen_until_s,
        rate_ml_h=finding.rate_ml_h,
        volume_ml=alert.volume_ml + finding.rate_ml_h * max(0, further_s) // HOUR_S,
        evidence=finding.evidence,
    )
    return kept, Action.EVIDENCE if worse else None


def _close_if_over(alert: Alert, moment: Moment, detector: Detector) -> tuple[Alert, Action | None]:
    over = (
        moment.at_s - alert.seen_until_s >= detector.normal_after_s
        or moment.stills_apart_s(alert.seen_until_s) >= STILL_APART_S
    )
    if not over:
        return alert, None
    return replace(alert, closed_s=moment.at_s, outcome=Outcome.ENDED), Action.CLOSED
