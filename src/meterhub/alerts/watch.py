"""Watching one meter: a fold over its reads that gives the same alerts live as over a back-filled year.

The state between two calls is what was learned a day, the newest alert of each kind, and how far reads
have been examined; reads of the last `LOOKBACK_S` before that are given again, as moments look back.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from math import gcd

from meterhub.alerts.detectors import Severity, detectors
from meterhub.alerts.flow import Moment, Point, Span, follow, moments, spans_of
from meterhub.alerts.habits import DAY_S, HABIT_WITHIN_S, LEARN_DAYS, DayHabit, Limits, day_of, limits
from meterhub.alerts.lifecycle import Action, Alert, Outcome, advance


@dataclass(slots=True)
class Watch:
    """What is known about one meter; `alerts` holds the newest of each kind."""

    examined_until_s: int = 0
    days: dict[int, DayHabit] = field(default_factory=dict)
    alerts: dict[str, Alert] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Change:
    """Something happened to an alert at a read; `alert` is the state after it."""

    at_s: int
    action: Action
    alert: Alert


def watch(state: Watch, reads: Iterable[tuple[int, int]]) -> list[Change]:
    """Examine reads `(UTC seconds, ml)` after `state.examined_until_s`; update the state, return what happened."""
    points = follow(reads)
    if not points or points[-1].at_s <= state.examined_until_s:
        return []
    changes: list[Change] = []
    steps = _steps(points, state.examined_until_s)
    first = max(state.examined_until_s, points[0].at_s)
    spans: list[Span] = []
    spans_step = -1
    for day in range(day_of(first), day_of(points[-1].at_s) + 1):
        step_ml = gcd(*(habit.step_ml for known, habit in state.days.items() if day - LEARN_DAYS <= known < day))
        if step_ml != spans_step:
            spans, spans_step = spans_of(points, step_ml), step_ml
        _day(state, day, limits(state.days, day, step_ml), spans, changes)
        if day in steps:
            habit = state.days.get(day, DayHabit())
            state.days[day] = replace(habit, step_ml=gcd(habit.step_ml, steps[day]))
    state.examined_until_s = points[-1].at_s
    newest = day_of(state.examined_until_s)
    for day in [day for day in state.days if day < newest - LEARN_DAYS]:
        del state.days[day]
    return changes


def _steps(points: list[Point], after_s: int) -> dict[int, int]:
    """Return the step of the register's increments a day, of reads not examined before."""
    steps: dict[int, int] = {}
    for before, after in pairwise(points):
        if before.segment == after.segment and after.at_s > after_s:
            day = day_of(after.at_s)
            steps[day] = gcd(steps.get(day, 0), after.volume_ml - before.volume_ml)
    return steps


def _day(state: Watch, day: int, today: Limits, spans: list[Span], changes: list[Change]) -> None:
    """Examine the moments of one UTC day under that day's limits."""
    start_s = max(state.examined_until_s, day * DAY_S - 1)
    for moment in moments(spans, start_s, (day + 1) * DAY_S - 1):
        _moment(state, moment, today, changes)
        habit = state.days.get(day, DayHabit()).with_moment(moment)
        alarmed = habit.in_alert or any(_covers(alert, moment.at_s) for alert in state.alerts.values())
        state.days[day] = replace(habit, in_alert=alarmed)


def _moment(state: Watch, moment: Moment, today: Limits, changes: list[Change]) -> None:
    for detector in detectors():
        before = state.alerts.get(detector.kind)
        finding = detector.detect(moment, today)
        told = any(_is_open(state.alerts, kind) for kind in detector.included_in)
        if finding and told and not (before and before.is_open):
            continue
        after, action = advance(before, finding, moment, detector)
        if after is not None:
            state.alerts[detector.kind] = after
        if after is None or action is None:
            continue
        changes.append(Change(moment.at_s, action, after))
        if action in (Action.RAISED, Action.REOPENED):
            _doubt(state, day_of(finding.onset_s if finding else moment.at_s), in_alert=True)
        elif action is Action.CLOSED and is_habit(after) and not any(a.is_open for a in state.alerts.values()):
            _doubt(state, day_of(after.onset_s), in_alert=False)


def is_habit(alert: Alert) -> bool:
    """Tell whether a closed alert was ordinary use of this home: by a person's word, or short and modest."""
    if alert.outcome is not Outcome.ENDED:
        return alert.outcome is Outcome.FALSE
    return (
        alert.closed_s is not None
        and alert.severity is not Severity.HIGH
        and alert.closed_s - alert.raised_s <= HABIT_WITHIN_S
    )


def _covers(alert: Alert, at_s: int) -> bool:
    """Tell whether what the meter does at an instant belongs to an alert and so is not its habit."""
    if alert.closed_s is None:
        return True
    return alert.onset_s <= at_s <= alert.closed_s and not is_habit(alert)


def _is_open(alerts: Mapping[str, Alert], kind: str) -> bool:
    return kind in alerts and alerts[kind].is_open


def _doubt(state: Watch, first_day: int, *, in_alert: bool) -> None:
    """Take the days from an alert's onset out of what is learned, or back into it."""
    for day, habit in state.days.items():
        if day >= first_day:
            state.days[day] = replace(habit, in_alert=in_alert)
