"""How a simulated home uses water: single draws (a flush, a shower, a wash) over days with a rhythm.

The figures follow what metered Nordic homes look like: about 110 litres a person and day, most hours of
the night still, weekends later and longer, absences, and sprinklers at some houses in summer.
"""

import random
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import accumulate
from zoneinfo import ZoneInfo

ML_PER_L = 1000
# Share of a day's draws by local hour, working days and weekends.
_WORKDAY = (1, 0.5, 0.3, 0.3, 0.5, 2, 8, 9, 5, 3, 2.5, 2.5, 3, 3, 3, 4, 6, 8, 9, 8, 7, 6, 4, 2)
_WEEKEND = (2, 1, 0.5, 0.3, 0.3, 0.5, 1.5, 3, 6, 9, 9, 7, 6, 5, 5, 5, 6, 7, 7, 7, 6, 5, 4, 3)
# Draws a person and day: how often, litres from and to.
_DRAWS = ((5.0, 4, 7), (12.0, 0.5, 3), (0.8, 35, 80), (0.35, 10, 55))
_AWAY_CHANCE = 0.02
_SPRINKLER_MONTHS = range(5, 9)


@dataclass(frozen=True, slots=True)
class Leak:
    """Water that runs by itself: a rate [l/h] in `[start, end)`."""

    start: datetime
    end: datetime
    litres_per_hour: int


class Household:
    """The register of one home over a span, as a function of time."""

    def __init__(
        self,
        seed: str,
        start: datetime,
        end: datetime,
        zone: ZoneInfo,
        *,
        leaks: tuple[Leak, ...] = (),
    ) -> None:
        rng = random.Random(seed)  # noqa: S311 - a simulation must be repeatable
        self.occupants = rng.choices((1, 2, 3, 4, 5), (30, 33, 16, 15, 6))[0]
        self.first_ml = rng.randrange(1_000, 900_000) * ML_PER_L
        self._leaks = leaks
        draws = sorted(self._draws(rng, start, end, zone))
        self._times = [at.timestamp() for at, _ in draws]
        self._sums = [0, *accumulate(ml for _, ml in draws)]

    def register_ml(self, at: datetime) -> int:
        """Return the register at an instant, in whole litres as meters show it [ml]."""
        drawn = self._sums[bisect_right(self._times, at.timestamp())]
        leaked = sum(
            leak.litres_per_hour * max(timedelta(0), min(at, leak.end) - leak.start) // timedelta(hours=1)
            if at > leak.start
            else 0
            for leak in self._leaks
        )
        return self.first_ml + (drawn // ML_PER_L + int(leaked)) * ML_PER_L

    def _draws(
        self, rng: random.Random, start: datetime, end: datetime, zone: ZoneInfo
    ) -> Iterator[tuple[datetime, int]]:
        day = start.astimezone(zone).date()
        away = 0
        sprinkler = rng.random() < 0.1
        while day <= end.astimezone(zone).date():
            if away == 0 and rng.random() < _AWAY_CHANCE:
                away = rng.randrange(2, 10)
            if away:
                away -= 1
            else:
                yield from self._day(rng, day, zone)
                if sprinkler and day.month in _SPRINKLER_MONTHS:
                    yield from _sprinkle(rng, day, zone)
            day += timedelta(days=1)

    def _day(self, rng: random.Random, day: date, zone: ZoneInfo) -> Iterator[tuple[datetime, int]]:
        weekend = day.weekday() >= 5
        for often, low, high in _DRAWS:
            expected = often * self.occupants
            count = int(expected) + (rng.random() < expected % 1)
            for hour in rng.choices(range(24), _WEEKEND if weekend else _WORKDAY, k=count):
                moment = datetime(
                    day.year, day.month, day.day, hour, rng.randrange(60), rng.randrange(60), tzinfo=zone
                )
                yield moment, int(rng.uniform(low, high) * ML_PER_L)


def _sprinkle(rng: random.Random, day: date, zone: ZoneInfo) -> Iterator[tuple[datetime, int]]:
    for minute in range(0, 60, 5):
        yield (
            datetime(day.year, day.month, day.day, 21, minute, rng.randrange(60), tzinfo=zone),
            40 * ML_PER_L,
        )
