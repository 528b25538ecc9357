"""What fees of an account go by, day by day: the property's facts and the size of its meter; pure."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from meterhub.billing.runs.spans import Installed
from meterhub.kit.db import AnyRow
from meterhub.kit.values import Json

if TYPE_CHECKING:
    from meterhub.billing.runs.accounts import Pricing
    from meterhub.billing.runs.loading import Account


def sites_of(
    facts: Sequence[AnyRow], meters: Sequence[Installed], account: "Account", pricing: "Pricing"
) -> list[Json]:
    """Return the facts from each day on which they change; nothing where nobody has told any.

    Of meters that are there on one day the largest decides.
    """
    sized = [one for one in meters if one.size_mm is not None]
    if not facts and not sized:
        return []
    start = account.period.start
    zone = pricing.settings.tz
    from_days = {
        one.meter_id: max(start, one.valid_from.astimezone(zone).date()) if one.valid_from else start
        for one in sized
    }
    to_days = {one.meter_id: one.valid_to.astimezone(zone).date() if one.valid_to else None for one in sized}
    days = {start, *(max(start, fact.valid_from) for fact in facts), *from_days.values()}
    made = []
    for day in sorted(day for day in days if day < account.period.end):
        known = [fact for fact in facts if fact.valid_from <= day]
        sizes = [
            one.size_mm
            for one in sized
            if from_days[one.meter_id] <= day and (to_days[one.meter_id] or account.period.end) > day
        ]
        fact = known[-1] if known else None
        made.append(
            {
                "valid_from": day.isoformat(),
                "meter_size_mm": max((size for size in sizes if size is not None), default=None),
                "floor_area_m2": _text(fact and fact.floor_area_m2),
                "plot_area_m2": _text(fact and fact.plot_area_m2),
                "dwellings": fact.dwellings if fact else None,
                "building_type": fact.building_type if fact else None,
                "marks": list(fact.marks) if fact else [],
            }
        )
    return made


def _text(value: object) -> str | None:
    return None if value is None else str(value)
