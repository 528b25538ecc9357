"""The picture of the customer's consumption, as numbers between 0 and 1 that the template draws."""

from datetime import date, timedelta
from decimal import ROUND_CEILING, Decimal
from itertools import pairwise
from typing import Any

from meterhub.billing.documents.language import Language
from meterhub.kit.periods import ONE_DAY
from meterhub.kit.units import ML_PER_M3

ML_PER_L = 1000
BAR_DAYS = {"day": 1, "week": 7}
# Steps of the scale that people read easily.
NICE = (Decimal(1), Decimal(2), Decimal(5))


def drawn(chart: dict[str, Any], end: date, language: Language) -> dict[str, Any] | None:
    """Return bars, scale and labels of a stored chart up to a day; None if nothing is known of the period.

    Days and weeks are drawn as litres a day, so a last week that is cut short compares with the others.
    """
    volumes: list[int | None] = chart["volumes_ml"]
    bounds = [*_starts(chart), end]
    monthly = chart["unit"] == "month"
    lengths = [(after - first).days for first, after in pairwise(bounds)]
    known = [(volume_ml, days) for volume_ml, days in zip(volumes, lengths, strict=True) if volume_ml is not None]
    if not known:
        return None
    units = [ML_PER_M3 if monthly else ML_PER_L * days for days in lengths]
    values = [
        None if volume is None else Decimal(volume) / unit for volume, unit in zip(volumes, units, strict=True)
    ]
    top, step = scale(max(Decimal(1), *(value for value in values if value is not None)))
    ticks = [step * n for n in range(int(top / step) + 1)]
    mean_l = Decimal(sum(volume_ml for volume_ml, _ in known)) / ML_PER_L / sum(days for _, days in known)
    return {
        "title": language[f"chart_{chart['unit']}"],
        "mean": "" if monthly else language["mean_day"].format(value=language.number(mean_l, 0)),
        "bars": [None if value is None else float(max(value / top, Decimal(0))) for value in values],
        "ticks": [
            {"at": float(tick / top), "label": language.number(tick, max(0, _decimals(tick)))} for tick in ticks
        ],
        "labels": _labels(bounds, language),
    }


def scale(highest: Decimal) -> tuple[Decimal, Decimal]:
    """Return the top of an axis that holds the highest value, and the step of its three to five ticks."""
    step = Decimal(1).scaleb(highest.adjusted() - 1)
    while True:
        for factor in NICE:
            if step * factor * 4 >= highest:
                size = step * factor
                return size * (highest / size).to_integral_value(ROUND_CEILING), size
        step *= 10


def _starts(chart: dict[str, Any]) -> list[date]:
    """Return the first day of each bar."""
    start = date.fromisoformat(chart["start"])
    count = len(chart["volumes_ml"])
    if chart["unit"] == "month":
        months = [start.year * 12 + start.month - 1 + bar for bar in range(1, count)]
        return [start, *(date(month // 12, month % 12 + 1, 1) for month in months)]
    return [start + timedelta(days=BAR_DAYS[chart["unit"]] * bar) for bar in range(count)]


def _labels(bounds: list[date], language: Language) -> list[dict[str, Any]]:
    """Return a label under the first bar and under each in which a month begins."""
    labels = []
    for bar, (first, after) in enumerate(pairwise(bounds)):
        last = after - ONE_DAY
        if bar == 0:
            labels.append({"bar": bar, "text": language.months[first.month - 1]})
        elif first.day == 1 or first.month != last.month:
            labels.append({"bar": bar, "text": language.months[last.month - 1]})
    return labels


def _decimals(value: Decimal) -> int:
    exponent = value.normalize().as_tuple().exponent
    assert isinstance(exponent, int)
    return -exponent
