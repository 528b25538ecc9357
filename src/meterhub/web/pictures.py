"""Pictures of consumption as pages show them: each in two sizes, for wide screens and for phones."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from meterhub.kit.charts import Bar, Size, bar_chart, heat_map
from meterhub.kit.hours import HOUR
from meterhub.readings.hourly import Quality

WIDE, NARROW = 1080, 350
HIGH, LOW = 230, 150
MAP_HIGH = 330
# Where the colours of the heat map change [L/h]: a drip, a toilet, a tap, a shower.
HEAT_LIMITS_L_H = (5, 20, 60, 150)
KINDS = {quality.value: quality.name.lower() for quality in Quality}


def local_midnight(at: datetime, zone: ZoneInfo) -> datetime:
    """Return the beginning of an instant's day in a zone, in UTC."""
    day = at.astimezone(zone).date()
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def hourly_bars(
    volumes: Mapping[datetime, tuple[int, int]], since: datetime, until: datetime, *, per: float
) -> list[Bar]:
    """Return a bar for each hour of a span from its (ml, quality); an hour without is a gap."""
    bars = []
    hour = since
    while hour < until:
        volume = volumes.get(hour)
        if volume is None:
            bars.append(Bar(hour, None))
        else:
            bars.append(Bar(hour, volume[0] / per, KINDS[volume[1]]))
        hour += HOUR
    return bars


def bars_in_two_sizes(
    bars: Sequence[Bar],
    step: timedelta,
    *,
    name: str,
    title: str,
    description: str,
    unit: str,
    zone: ZoneInfo,
    top: float | None = None,
    height: int = HIGH,
    marks: Iterable[tuple[datetime, datetime]] = (),
) -> str:
    """Return a bar chart twice; the style sheet shows the one that fits."""
    spans = list(marks)
    drawn = [
        bar_chart(
            bars,
            step,
            name=f"{name}-{kind}",
            title=title,
            description=description,
            unit=unit,
            zone=zone,
            size=Size(width, height),
            top=top,
            marks=spans,
        )
        for kind, width in (("wide", WIDE), ("narrow", NARROW))
    ]
    return f'<div class="wide">{drawn[0]}</div><div class="narrow">{drawn[1]}</div>'


def heat_in_two_sizes(
    volumes: Mapping[datetime, tuple[int, int]],
    since: datetime,
    until: datetime,
    *,
    name: str,
    description: str,
    zone: ZoneInfo,
) -> str:
    """Return the heat map of hours by local day twice; the doubled hour of autumn counts as its mean."""
    sums: dict[tuple[date, int], list[float]] = {}
    for hour, (volume_ml, _) in volumes.items():
        local = hour.astimezone(zone)
        sums.setdefault((local.date(), local.hour), []).append(volume_ml / 1000)
    cells: dict[tuple[date, int], float | None] = {
        (since.astimezone(zone).date(), 0): None,
        ((until - HOUR).astimezone(zone).date(), 0): None,
    }
    cells |= {key: sum(values) / len(values) for key, values in sums.items()}
    drawn = [
        heat_map(
            cells,
            name=f"{name}-{kind}",
            title="Hours of each day: a leak fills whole columns",
            description=description,
            unit="L/h",
            limits=HEAT_LIMITS_L_H,
            size=Size(width, MAP_HIGH),
        )
        for kind, width in (("wide", WIDE), ("narrow", NARROW))
    ]
    return f'<div class="wide">{drawn[0]}</div><div class="narrow">{drawn[1]}</div>'
