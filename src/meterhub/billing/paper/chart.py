"""The picture of the customer's consumption, as numbers between 0 and 1 that the template draws."""

from datetime import date, timedelta
from decimal import ROUND_CEILING, Decimal
from typing import Any

from meterhub.billing.paper.texts import Language
from meterhub.kit.units import ML_PER_M3

ML_PER_L = 1000
# Steps of the scale that people read easily.
NICE = (Decimal(1), Decimal(2), Decimal(5))


def drawn(chart: dict[str, Any], language: Language) -> dict[str, Any] | None:
    """Return bars, scale and labels of a stored chart; None if nothing is known of the period."""
    volumes: list[int | None] = chart["volumes_ml"]
    known = [volume_ml for volume_ml in volumes if volume_ml is not None]
    if not known:
        return None
    daily = chart["unit"] == "day"
    unit_ml = ML_PER_L if daily else ML_PER_M3
    top, step = scale(Decimal(max(*known, unit_ml)) / unit_ml)
    ticks = [step * n for n in range(int(top / step) + 1)]
    mean_l = language.number(Decimal(sum(known)) / ML_PER_L / len(known), 0)
    return {
        "title": language["chart_day" if daily else "chart_month"],
        "mean": language["mean_day"].format(value=mean_l) if daily else "",
        "bars": [
            None if volume_ml is None else float(max(Decimal(volume_ml) / unit_ml / top, Decimal(0)))
            for volume_ml in volumes
        ],
        "ticks": [
            {"at": float(tick / top), "label": language.number(tick, max(0, _decimals(tick)))} for tick in ticks
        ],
        "labels": _labels(date.fromisoformat(chart["start"]), len(volumes), language, daily=daily),
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


def _labels(start: date, bars: int, language: Language, *, daily: bool) -> list[dict[str, Any]]:
    """Return a label under the first bar of each month."""
    if not daily:
        months = [(start.month - 1 + bar) % 12 for bar in range(bars)]
        return [{"bar": bar, "text": language.months[month]} for bar, month in enumerate(months)]
    days = [start + timedelta(days=bar) for bar in range(bars)]
    return [
        {"bar": bar, "text": language.months[day.month - 1]}
        for bar, day in enumerate(days)
        if day.day == 1 or bar == 0
    ]


def _decimals(value: Decimal) -> int:
    exponent = value.normalize().as_tuple().exponent
    assert isinstance(exponent, int)
    return -exponent
