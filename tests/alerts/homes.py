"""Builders of a home's register: ordinary days, and what goes wrong."""

import random
from dataclasses import dataclass, field

HOUR_S = 3600
DAY_S = 24 * HOUR_S
START_S = 1_767_225_600  # 2026-01-01T00:00:00Z


@dataclass
class Home:
    """Litres used in each hour from `START_S`, and how the register shows them."""

    litres: list[float]
    step_ml: int = 1000
    offset_s: int = 540
    lost: set[int] = field(default_factory=set)

    def with_flow(self, from_h: float, to_h: float, litres_h: float):
        """Add a steady flow."""
        litres = list(self.litres)
        for hour in range(int(from_h), min(int(to_h) + 1, len(litres))):
            share = min(hour + 1, to_h) - max(hour, from_h)
            litres[hour] += litres_h * max(0.0, share)
        return Home(litres, self.step_ml, self.offset_s, self.lost)

    def with_step(self, step_ml: int):
        return Home(self.litres, step_ml, self.offset_s, self.lost)

    def without_reads(self, hours):
        return Home(self.litres, self.step_ml, self.offset_s, set(hours))

    def reads(self) -> list[tuple[int, int]]:
        """Hourly register reads (UTC seconds, ml)."""
        result, litres = [], 123_456.0
        for hour, used in enumerate(self.litres):
            litres += used
            if hour not in self.lost:
                register = int(litres * 1000) // self.step_ml * self.step_ml
                result.append((START_S + (hour + 1) * HOUR_S + self.offset_s, register))
        return result


def a_home(days: int = 35, seed: int = 1, *, people: int = 3, away=(), garden: bool = False) -> Home:
    """A home with showers, washing and nights of rest; nobody there on the days `away`."""
    rng = random.Random(seed)
    litres = []
    for day in range(days):
        hours = [0.0] * 24
        if day not in away:
            for _ in range(people):
                hours[rng.choice((6, 7, 8, 18, 20, 21))] += rng.choice((40, 60, 90, 160))  # also long showers
            for hour in range(6, 23):
                if rng.random() < 0.6:
                    hours[hour] += rng.uniform(1, 15)
            for _ in range(rng.choice((0, 1, 2))):
                start = rng.randrange(8, 20)  # washing machine and dishwasher
                for hour, use in enumerate((25, 20, 10)):
                    hours[start + hour] += use
            if rng.random() < 0.4:
                hours[rng.randrange(0, 6)] += 6  # one flush at night
        if garden:
            hours[3] += 500  # irrigation of an hour and a half before dawn
            hours[4] += 250
        litres += hours
    return Home(litres)
