"""What a simulated meter family has to say."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from meterhub.wmbus import Address
from meterhub.wmbus.encode import Message

_ML_PER_M3 = 1_000_000


@dataclass(frozen=True, slots=True)
class Reading:
    """What a meter knows when it sends: its clock (local, naive), registers [ml] and a count of telegrams."""

    clock: datetime
    volume_ml: int
    month_start_ml: int
    count: int

    @property
    def volume_m3(self) -> Decimal:
        """The register [m3]."""
        return Decimal(self.volume_ml) / _ML_PER_M3

    @property
    def month_start_m3(self) -> Decimal:
        """The register at the start of the month [m3]."""
        return Decimal(self.month_start_ml) / _ML_PER_M3


@dataclass(frozen=True, slots=True)
class Family:
    """A meter family: how it is addressed, heard, and what it sends. `share` weighs it in a town."""

    name: str
    manufacturer: str
    device_version: int
    device_type: int
    link_mode: str
    encrypted: bool
    share: int
    build: Callable[[Address, bytes | None, Reading], Message]
