"""How far a gateway's clock is ahead of the hub's, by the four instants of an exchange. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

# One way includes the time on the line; an exchange that disagrees by more was made before the clock was set.
AGREES_WITHIN_S = 30.0


@dataclass(frozen=True, slots=True)
class Exchange:
    """A report and its answer: sent and answered by the gateway's clock, taken by the hub's."""

    sent_at: datetime
    hub_at: datetime
    answered_at: datetime


@dataclass(frozen=True, slots=True)
class Measured:
    """Seconds the gateway's clock is ahead; the round trip [s] bounds the error, None: measured one way."""

    ahead_s: float
    round_trip_s: float | None


def measure(sent_at: datetime, taken_at: datetime, last: Exchange | None) -> Measured:
    """Return the offset from the last whole exchange, or from this one way where there is none that fits.

    With both ways the time on the line cancels out as far as it is the same in both directions (RFC 5905, 8).
    """
    one_way_s = (sent_at - taken_at) / timedelta(seconds=1)
    if last is None:
        return Measured(one_way_s, None)
    round_trip_s = (last.answered_at - last.sent_at) / timedelta(seconds=1)
    ahead = ((last.sent_at - last.hub_at) + (last.answered_at - last.hub_at)) / 2
    ahead_s = ahead / timedelta(seconds=1)
    if round_trip_s < 0 or abs(ahead_s - one_way_s) > AGREES_WITHIN_S + round_trip_s:
        return Measured(one_way_s, None)
    return Measured(ahead_s, round_trip_s)
