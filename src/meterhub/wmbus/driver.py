"""Meter drivers: how the records of one meter family are named, and what its status bits mean.

A driver is one file in `drivers/`; being there is enough. The file defines `DRIVER = Driver(...)`:

- `name` is maker and model ("kamstrup-multical21"); `detect` lists `match("KAM", "1B", "06 16")`:
  maker, versions and device types in hex, empty for any. The most specific match wins.
- `fields` name records by meaning. `Field("total_m3", "volume")` takes the instantaneous volume of
  storage 0, tariff 0, subunit 0 without qualifiers; other storages, functions and qualifiers
  ("forward", "backward") are said explicitly, `storage` may be a range and the name may hold `{n}`
  (the storage number plus `shift`). `dif_vif` matches the exact header instead, for manufacturer
  specific codes. The name's last part is the unit, the value is converted to it; `convert` replaces
  that for oddities. Names are those that users of wmbusmeters know; two fields may read one record.
  The first record that has a value wins.
- `flags` map bits of a record to alarms, `status` maps manufacturer bits of the transport layer's
  status byte (None: this maker does not use the byte at all). Alarms are words of `ALARMS`, with
  `past_` before them for an event that is over.
- `default_key` is the published key with which the family leaves the factory; it is tried when no key is
  known for the meter.
- `open_frame(frame, key)` is for families with a protocol of their own. It is called for the frame
  without CRCs before any layer is read, and for the link address in both byte orders (`match(...,
  swapped=True)` names Diehl's). It answers an `Extract`, or None to let the layers be read as usual. An
  `Extract` with `payload` has its records parsed and named by `fields`; `security` and `mode` say
  how it was opened; `meter` corrects the address.
- `read_payload(body)` is called after decryption and record parsing, for what stands beside the
  records, mostly manufacturer data behind DIF 0F. It answers an `Extract` whose readings, alarms
  and `meter_at` are added (readings replace those of fields with the same name), or None. `reads` may
  name the record headers without which it need not be called, which keeps other telegrams quick.

Both functions must check lengths: any bytes may arrive. What they raise as ValueError or IndexError
becomes a diagnostic `driver-failed`, other records keep their readings.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from meterhub.wmbus.model import Address, Diagnostic, Reading, Record, SecurityResult, Value

ALARMS = frozenset(
    (
        "abnormal",
        "application_error",
        "blocked",
        "burst",
        "clock_error",
        "dry",
        "electronics_error",
        "high_temperature",
        "leak",
        "low_battery",
        "low_flow",
        "low_temperature",
        "magnet",
        "measuring_error",
        "memory_error",
        "no_flow",
        "overflow",
        "overload",
        "oversized",
        "permanent_error",
        "removed",
        "reset",
        "reverse_flow",
        "sensor_error",
        "software_error",
        "submerged",
        "tamper",
        "temporary_error",
        "underflow",
        "undersized",
        "unspecified",
    )
)

_NONE: Mapping[str, Reading] = MappingProxyType({})
_NO_BITS: Mapping[int, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Match:
    """A maker with device versions and types; None stands for any. See `match`."""

    manufacturer: str
    versions: frozenset[int] | None
    types: frozenset[int] | None
    swapped: bool = False

    def fits(self, address: Address) -> bool:
        """Tell whether an address is of this family."""
        return (self.versions is None or address.device_version in self.versions) and (
            self.types is None or address.device_type in self.types
        )

    @property
    def specificity(self) -> int:
        """Return how much of the address is named."""
        return (self.versions is not None) * 2 + (self.types is not None)


def match(manufacturer: str, versions: str = "", types: str = "", *, swapped: bool = False) -> Match:
    """Return a match; versions and types are hex bytes with blanks between, empty for any."""
    return Match(
        manufacturer,
        frozenset(bytes.fromhex(versions)) if versions else None,
        frozenset(bytes.fromhex(types)) if types else None,
        swapped,
    )


@dataclass(frozen=True, slots=True)
class Field:
    """A reading's name and which record it is read from. Quantity "moment" is a date with or without time."""

    name: str
    quantity: str = ""
    function: str | None = "instantaneous"
    storage: int | range = 0
    tariff: int = 0
    subunit: int = 0
    qualifiers: tuple[str, ...] = ()
    dif_vif: str = ""
    shift: int = 0
    convert: Callable[[Value], Reading | None] | None = None


@dataclass(frozen=True, slots=True)
class Flags:
    """Which record carries alarm bits and what they mean; `masks` are looked at one by one."""

    bits: Mapping[int, str]
    dif_vif: str = ""
    quantity: str = "error flags"
    ignored: int = 0


@dataclass(frozen=True, slots=True)
class Body:
    """What a driver's own function may look at after decryption."""

    frame: bytes
    meter: Address
    status: int
    payload: bytes
    manufacturer_data: bytes
    records: tuple[Record, ...]


@dataclass(frozen=True, slots=True)
class Extract:
    """What a driver's own function found."""

    readings: Mapping[str, Reading] = field(default_factory=lambda: _NONE)
    alarms: tuple[str, ...] = ()
    meter: Address | None = None
    meter_at: datetime | None = None
    payload: bytes | None = None
    security: SecurityResult = SecurityResult.PLAIN
    mode: int = 0
    diagnostics: tuple[Diagnostic, ...] = ()


@dataclass(frozen=True, slots=True)
class Driver:
    """A meter family; the module's docstring says how its parts work together."""

    name: str
    detect: tuple[Match, ...]
    fields: tuple[Field, ...]
    flags: tuple[Flags, ...] = ()
    status: Mapping[int, str] | None = field(default_factory=lambda: _NO_BITS)
    open_frame: Callable[[bytes, bytes | None], Extract | None] | None = None
    read_payload: Callable[[Body], Extract | None] | None = None
    reads: frozenset[str] = frozenset()
    default_key: bytes | None = None

    def looks_further(self, headers: Iterable[str]) -> bool:
        """Tell whether `read_payload` is to be called for a telegram with these record headers."""
        return self.read_payload is not None and (not self.reads or not self.reads.isdisjoint(headers))
