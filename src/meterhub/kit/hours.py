"""Hours in UTC: the grid on which consumption is kept."""

from datetime import datetime, timedelta

HOUR = timedelta(hours=1)
_MICROSECOND = timedelta(microseconds=1)


def floor_hour(at: datetime) -> datetime:
    """Return the full hour at or before an instant."""
    return at.replace(minute=0, second=0, microsecond=0)


def ceil_hour(at: datetime) -> datetime:
    """Return the full hour at or after an instant."""
    floor = floor_hour(at)
    return floor if floor == at else floor + HOUR


def microseconds(span: timedelta) -> int:
    """Return a span as a whole number of microseconds, exactly."""
    return span // _MICROSECOND
