"""What a meter's register tells about flow at each read: pure and causal.

Works on the spans between reads, because interpolated hours can hide an hour without use. A register of
coarse step moves seldom: rates are taken over spans long enough for a flow of 2.5 L/h to move it.
Times are UTC seconds since 1970, volumes millilitres, rates ml/h.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

HOUR_S = 3600
# Lengths of time over which the lowest flow is known [h]; the short ones show bursts, the long ones leaks.
WINDOWS_H = (3, 6, 12, 24, 48, 72)
# How far back a moment looks: the longest window, with room for missing reads, and the longest tolerance.
LOOKBACK_S = 120 * HOUR_S
# Several reads in one of these count as their first, so that frequent telegrams cost no more than hourly.
BIN_S = HOUR_S // 2
# A span shorter than this says little about a rate, one longer hides when the water flowed.
SHORTEST_SPAN_S = 36 * 60
LONGEST_SPAN_S = 192 * 60
LONGEST_STEP_SPAN_S = 4 * HOUR_S
SEEN_FLOW_ML_H = 2_500
COARSE_STEP_ML = 5_000
# A home's meter (Q3 2.5 m3/h) cannot pass more than Q4 = 1.25 Q3; with room for larger meters.
IMPOSSIBLE_ML_H = 12_500_000


@dataclass(frozen=True, slots=True)
class Point:
    """A register at an instant; `segment` counts up where the register cannot be followed (rollover)."""

    at_s: int
    volume_ml: int
    segment: int = 0


@dataclass(frozen=True, slots=True)
class Span:
    """The time between two reads, and the rate over it or over the longer span that the step asks for."""

    start_s: int
    end_s: int
    rate_ml_h: float
    segment: int

    @property
    def known(self) -> bool:
        """Tell whether the span is short enough to say how water flowed, not just how much."""
        return self.end_s - self.start_s <= LONGEST_SPAN_S


@dataclass(frozen=True, slots=True)
class Moment:
    """What is known at one read: the lowest rate in each of `WINDOWS_H`, and how long no still span was seen.

    `lowest_ml_h[i]` is 0 where the window is not covered by reads; `unstill_ml_h` is the lowest rate since
    the last still span. `spans[:upto]` is all that was known.
    """

    at_s: int
    lowest_ml_h: tuple[float, ...]
    unstill_s: int
    unstill_ml_h: float
    still: bool
    spans: Sequence[Span]
    upto: int

    def since(self, rate_ml_h: float) -> int:
        """Return when the flow last rose to this rate, looking back over known spans."""
        start_s = self.at_s
        for index in range(self.upto - 1, -1, -1):
            span = self.spans[index]
            if span.rate_ml_h < rate_ml_h or span.end_s < self.at_s - LOOKBACK_S:
                break
            if span.known:
                start_s = span.start_s
        return start_s

    def stills_apart_s(self, since_s: int) -> int:
        """Return how far apart the first and the last still span since an instant end; 0 if fewer than two."""
        ends = []
        for index in range(self.upto - 1, -1, -1):
            span = self.spans[index]
            if span.start_s < since_s:
                break
            if span.rate_ml_h == 0:
                ends.append(span.end_s)
        return ends[0] - ends[-1] if ends else 0


def follow(reads: Iterable[tuple[int, int]]) -> list[Point]:
    """Return the reads that can be trusted, in order: thinned, without repeats and single outliers.

    A register that falls or leaps is believed when the next read confirms it; there a new segment begins.
    """
    points: list[Point] = []
    doubted: tuple[int, int] | None = None
    for at_s, volume_ml in sorted(reads):
        if not points:
            points.append(Point(at_s, volume_ml))
            continue
        last = points[-1]
        if at_s // BIN_S == last.at_s // BIN_S:
            continue
        if _follows(last.at_s, last.volume_ml, at_s, volume_ml):
            points.append(Point(at_s, volume_ml, last.segment))
            doubted = None
        elif doubted is not None and _follows(*doubted, at_s, volume_ml):
            points.append(Point(*doubted, last.segment + 1))
            points.append(Point(at_s, volume_ml, last.segment + 1))
            doubted = None
        else:
            doubted = (at_s, volume_ml)
    return points


def _follows(before_s: int, before_ml: int, at_s: int, volume_ml: int) -> bool:
    rise = volume_ml - before_ml
    return before_s < at_s and rise >= 0 and rise * HOUR_S <= IMPOSSIBLE_ML_H * (at_s - before_s)


def spans_of(points: Sequence[Point], step_ml: int) -> list[Span]:
    """Return the spans between neighbouring reads with their rates."""
    least_s = max(SHORTEST_SPAN_S, min(LONGEST_STEP_SPAN_S, step_ml * HOUR_S // SEEN_FLOW_ML_H))
    spans = []
    for index in range(1, len(points)):
        before, after = points[index - 1], points[index]
        if before.segment != after.segment:
            continue
        first = index - 1
        while (
            first > 0 and after.at_s - points[first].at_s < least_s and points[first - 1].segment == after.segment
        ):
            first -= 1
        hours = (after.at_s - points[first].at_s) / HOUR_S
        rate = (after.volume_ml - points[first].volume_ml) / hours
        spans.append(Span(before.at_s, after.at_s, rate, after.segment))
    return spans


def moments(spans: Sequence[Span], after_s: int, until_s: int) -> Iterator[Moment]:
    """Yield what is known at each read in `(after_s, until_s]` that ends a known or a still span."""
    for index in range(bisect_right(spans, after_s, key=_end), bisect_right(spans, until_s, key=_end)):
        if spans[index].known or spans[index].rate_ml_h == 0:
            yield _moment(spans, index)


def _end(span: Span) -> int:
    return span.end_s


def _moment(spans: Sequence[Span], index: int) -> Moment:
    """Look back from the end of one span until the water stood still."""
    now = spans[index]
    lowest: list[float] = []
    low = float("inf")
    known_s = 0
    for earlier in range(index, -1, -1):
        span = spans[earlier]
        if span.rate_ml_h == 0 or span.segment != now.segment or span.start_s < now.end_s - LOOKBACK_S:
            break
        if not span.known:
            continue
        known_s += span.end_s - span.start_s
        low = min(low, span.rate_ml_h)
        elapsed_s = now.end_s - span.start_s
        while len(lowest) < len(WINDOWS_H) and known_s >= (window_s := WINDOWS_H[len(lowest)] * HOUR_S) - 360:
            lowest.append(low if elapsed_s <= 1.5 * window_s + HOUR_S else 0.0)
    lowest += [0.0] * (len(WINDOWS_H) - len(lowest))
    return Moment(now.end_s, tuple(lowest), known_s, low if known_s else 0.0, now.rate_ml_h == 0, spans, index + 1)
