"""A simulated town: homes with meters of several families, gateways, leaks, and the usual troubles.

Everything follows from the seed. What is planted is written down, so that what is found can be compared.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

from meterhub.simulate.household import Household, Leak
from meterhub.simulate.meters import Family, Reading, families
from meterhub.wmbus import Address
from meterhub.wmbus.encode import encode

PLANTED = ("continuous-flow", "continuous-flow", "burst")
GATEWAYS = ("tower-north", "tower-south", "school-roof")
HEARD_TWICE = 0.15
_STREETS = ("Koivukuja", "Mäntytie", "Rantatie", "Kirkkokatu", "Myllypolku", "Asemakatu", "Niittytie", "Opintie")
_FIRST = ("Aino", "Eero", "Helmi", "Ilmari", "Kaisa", "Lauri", "Maija", "Oskari", "Saara", "Veikko", "Åsa", "Nils")
_LAST = ("Korhonen", "Virtanen", "Mäkinen", "Nieminen", "Lindqvist", "Salo", "Laine", "Heikkinen", "Bäckström")


@dataclass(frozen=True)
class Home:
    """One home with its meter."""

    number: int
    customer: str
    street: str
    family: Family
    address: Address
    key: bytes | None
    gateways: tuple[str, ...]
    offset: timedelta  # when in the hour its telegram is heard
    start: datetime
    end: datetime
    zone: ZoneInfo
    seed: str
    leaks: tuple[Leak, ...] = ()

    @property
    def point_code(self) -> str:
        """The code of its metering point."""
        return f"MP{self.number:05d}"

    @cached_property
    def household(self) -> Household:
        """Its use of water; made when first asked for."""
        return Household(self.seed, self.start, self.end, self.zone, leaks=self.leaks)

    def telegram(self, at: datetime, count: int) -> bytes:
        """Return the CRC-free frame that the meter sends at an instant."""
        clock = at.astimezone(self.zone)
        month = max(clock.replace(day=1, hour=0, minute=0, second=0, microsecond=0), self.start)
        reading = Reading(
            clock.replace(tzinfo=None),
            self.household.register_ml(at),
            self.household.register_ml(month),
            count,
        )
        return encode(self.family.build(self.address, self.key, reading))


@dataclass(frozen=True)
class Town:
    """All homes, and what was planted where."""

    homes: tuple[Home, ...]
    start: datetime
    end: datetime
    zone: ZoneInfo
    leaks: Mapping[str, str] = field(default_factory=dict)  # kind of what was planted, by metering point
    keyless: str = ""  # the point whose key nobody has entered yet
    miskeyed: str = ""  # the point whose key was entered wrong
    silent: frozenset[str] = frozenset()  # the points whose meters no gateway hears
    corrupted: float = 0.0005  # share of frames that arrive damaged
    gateways: tuple[str, ...] = field(default=GATEWAYS)

    @cached_property
    def on_air(self) -> tuple[Home, ...]:
        """The homes whose meters are heard."""
        return tuple(home for home in self.homes if home.point_code not in self.silent)


def build_town(meters: int, days: int, seed: int, now: datetime, zone: ZoneInfo) -> Town:
    """Return a town whose history ends at the last full hour before `now` (aware UTC)."""
    rng = random.Random(f"town:{seed}")  # noqa: S311 - a simulation must be repeatable
    end = now.replace(minute=0, second=0, microsecond=0)
    start = end - timedelta(days=days)
    special = rng.sample(range(meters), 5)
    planted = _plant(rng, special[:3], start, end)
    kinds = families()
    weighed = [kind for kind in kinds for _ in range(kind.share)]
    locked = [kind for kind in kinds if kind.encrypted]
    homes = []
    for number in range(meters):
        family = rng.choice(locked if number in special[3:] else weighed)
        north = rng.choice(GATEWAYS)
        second = tuple(g for g in GATEWAYS if g != north and rng.random() < HEARD_TWICE / (len(GATEWAYS) - 1))
        homes.append(
            Home(
                number=number + 1,
                customer=f"{rng.choice(_FIRST)} {rng.choice(_LAST)}",
                street=f"{rng.choice(_STREETS)} {number + 1}",
                family=family,
                address=Address(
                    family.manufacturer,
                    f"{10_000_000 + 7 * number + 1000 * seed % 9000:08d}",
                    family.device_version,
                    family.device_type,
                ),
                key=rng.randbytes(16) if family.encrypted else None,
                gateways=(north, *second),
                offset=timedelta(seconds=rng.randrange(3600)),
                start=start,
                end=end + timedelta(days=2),  # the live part goes on for a while
                zone=zone,
                seed=f"{seed}:{number}",
                leaks=planted.get(number, ()),
            )
        )
    codes = [home.point_code for home in homes]
    heard = [code for number, code in enumerate(codes) if number not in special]
    return Town(
        tuple(homes),
        start,
        end,
        zone,
        leaks=dict(zip((codes[n] for n in special[:3]), PLANTED, strict=True)),
        keyless=codes[special[3]],
        miskeyed=codes[special[4]],
        silent=frozenset(random.Random(f"silent:{seed}").sample(heard, 2 + meters // 200)),  # noqa: S311 - as above
    )


def _plant(rng: random.Random, at: list[int], start: datetime, end: datetime) -> dict[int, tuple[Leak, ...]]:
    """Return a running toilet, a leaking pipe, and a burst, each with time to learn the home's habits first."""
    span = end - start
    far = datetime.max.replace(tzinfo=UTC) - timedelta(days=1)
    burst = end - span * rng.uniform(0.1, 0.2)
    return {
        at[0]: (Leak(start + span * rng.uniform(0.6, 0.7), far, rng.randrange(12, 25)),),
        at[1]: (Leak(start + span * rng.uniform(0.75, 0.85), far, rng.randrange(30, 60)),),
        at[2]: (Leak(burst, burst + timedelta(hours=rng.randrange(5, 9)), rng.randrange(700, 1200)),),
    }
