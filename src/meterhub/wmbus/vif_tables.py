"""Code tables of EN 13757-3: what a VIF, its extensions and the combinable VIFEs mean.

Data only. Each entry is (quantity, unit, power of ten, kind); `kind` says how the data field reads:
a number, a date or date and time, an identifier (digits kept as sent), flags, or text.
"""

from typing import NamedTuple


class Meaning(NamedTuple):
    """Quantity and unit that a VIF stands for; the raw number times 10^exponent is in `unit`."""

    quantity: str
    unit: str = ""
    exponent: int = 0
    kind: str = "number"


_TIMES = ("s", "min", "h", "d")


def _scaled(first: int, count: int, quantity: str, unit: str, lowest: int) -> dict[int, Meaning]:
    """Return `count` codes from `first`, each ten times the one before."""
    return {first + n: Meaning(quantity, unit, lowest + n) for n in range(count)}


def _timed(first: int, quantity: str, units: tuple[str, ...] = _TIMES) -> dict[int, Meaning]:
    """Return one code a unit of time."""
    return {first + n: Meaning(quantity, unit) for n, unit in enumerate(units)}


def _named(first: int, *quantities: str, kind: str = "number") -> dict[int, Meaning]:
    """Return codes without a unit."""
    return {first + n: Meaning(quantity, kind=kind) for n, quantity in enumerate(quantities)}


PRIMARY: dict[int, Meaning] = {
    **_scaled(0x00, 8, "energy", "kWh", -6),
    **_scaled(0x08, 8, "energy", "MJ", -6),
    **_scaled(0x10, 8, "volume", "m3", -6),
    **_scaled(0x18, 8, "mass", "kg", -3),
    **_timed(0x20, "on time"),
    **_timed(0x24, "operating time"),
    **_scaled(0x28, 8, "power", "kW", -6),
    **_scaled(0x30, 8, "power", "MJ/h", -6),
    **_scaled(0x38, 8, "volume flow", "m3/h", -6),
    **_scaled(0x40, 8, "volume flow", "m3/min", -7),
    **_scaled(0x48, 8, "volume flow", "m3/s", -9),
    **_scaled(0x50, 8, "mass flow", "kg/h", -3),
    **_scaled(0x58, 4, "flow temperature", "C", -3),
    **_scaled(0x5C, 4, "return temperature", "C", -3),
    **_scaled(0x60, 4, "temperature difference", "K", -3),
    **_scaled(0x64, 4, "external temperature", "C", -3),
    **_scaled(0x68, 4, "pressure", "bar", -3),
    0x6C: Meaning("date", kind="date"),
    0x6D: Meaning("datetime", kind="date"),
    0x6E: Meaning("heat cost units", "hca"),
    **_timed(0x70, "averaging duration"),
    **_timed(0x74, "actuality duration"),
    **_named(0x78, "fabrication number", "enhanced identification", kind="identifier"),
    0x7A: Meaning("bus address"),
    0x7E: Meaning("any"),
    0x7F: Meaning("manufacturer specific", kind="flags"),
}

EXTENSION_FB: dict[int, Meaning] = {
    **_scaled(0x00, 2, "energy", "kWh", 2),
    **_scaled(0x02, 2, "reactive energy", "kvarh", 0),
    **_scaled(0x04, 2, "apparent energy", "kVAh", 0),
    0x06: Meaning("coefficient of performance", "", -1),
    **_scaled(0x08, 2, "energy", "MJ", 2),
    **_scaled(0x0C, 4, "energy", "Mcal", -1),
    **_scaled(0x10, 2, "volume", "m3", 2),
    **_scaled(0x14, 4, "reactive power", "kvar", -3),
    **_scaled(0x18, 2, "mass", "kg", 5),
    **_scaled(0x1A, 2, "relative humidity", "%", -1),
    0x20: Meaning("volume", "ft3"),
    0x21: Meaning("volume", "ft3", -1),
    0x22: Meaning("volume", "gal", -1),
    0x23: Meaning("volume", "gal"),
    0x24: Meaning("volume flow", "gal/min", -3),
    0x25: Meaning("volume flow", "gal/min"),
    0x26: Meaning("volume flow", "gal/h"),
    **_scaled(0x28, 2, "power", "kW", 2),
    0x2A: Meaning("phase voltage to voltage", "deg", -1),
    0x2B: Meaning("phase voltage to current", "deg", -1),
    **_scaled(0x2C, 4, "frequency", "Hz", -3),
    **_scaled(0x30, 2, "power", "MJ/h", 2),
    **_scaled(0x34, 4, "apparent power", "kVA", -3),
    **_scaled(0x58, 4, "flow temperature", "F", -3),
    **_scaled(0x5C, 4, "return temperature", "F", -3),
    **_scaled(0x60, 4, "temperature difference", "F", -3),
    **_scaled(0x64, 4, "external temperature", "F", -3),
    **_named(0x68, *(f"heat cost rating {n}" for n in range(7))),
    **_scaled(0x70, 4, "limit temperature", "F", -3),
    **_scaled(0x74, 4, "limit temperature", "C", -3),
    **_scaled(0x78, 8, "cumulated maximum power", "kW", -6),
}

EXTENSION_FD: dict[int, Meaning] = {
    **_scaled(0x00, 4, "credit", "currency", -3),
    **_scaled(0x04, 4, "debit", "currency", -3),
    0x08: Meaning("access number"),
    **_named(
        0x09,
        "medium",
        "manufacturer",
        "parameter set",
        "model version",
        "hardware version",
        "metrology firmware version",
        "other firmware version",
        "customer location",
        "customer",
        "access code user",
        "access code operator",
        "access code system operator",
        "access code developer",
        "password",
        kind="identifier",
    ),
    **_named(0x17, "error flags", "error mask", kind="flags"),
    0x19: Meaning("security key", kind="identifier"),
    **_named(0x1A, "digital output", "digital input", kind="flags"),
    **_named(0x1C, "baud rate", "response delay", "retry"),
    0x1F: Meaning("remote control", kind="flags"),
    **_named(0x20, "first cyclic storage", "last cyclic storage", "storage block size"),
    0x23: Meaning("tariff and subunit descriptor", kind="flags"),
    **_timed(0x24, "storage interval", (*_TIMES, "month", "y")),
    0x2A: Meaning("operator specific", kind="flags"),
    0x2B: Meaning("time point second", "s"),
    **_timed(0x2C, "duration since readout"),
    0x30: Meaning("tariff start", kind="date"),
    **_timed(0x31, "tariff duration", ("min", "h", "d")),
    **_timed(0x34, "tariff period", (*_TIMES, "month", "y")),
    0x3A: Meaning("dimensionless"),
    0x3B: Meaning("data container", kind="text"),
    **_timed(0x3C, "nominal transmission period"),
    **_scaled(0x40, 16, "voltage", "V", -9),
    **_scaled(0x50, 16, "current", "A", -12),
    **_named(0x60, "reset counter", "cumulation counter"),
    0x62: Meaning("control signal", kind="flags"),
    **_named(0x63, "weekday", "week number"),
    0x65: Meaning("day change time"),
    0x66: Meaning("parameter activation", kind="flags"),
    0x67: Meaning("supplier", kind="identifier"),
    **_timed(0x68, "time since cumulation", ("h", "d", "month", "y")),
    **_timed(0x6C, "battery operating time", ("h", "d", "month", "y")),
    0x70: Meaning("battery change", kind="date"),
    0x71: Meaning("rf level", "dBm"),
    **_named(0x72, "daylight saving", "listening window", kind="flags"),
    0x74: Meaning("remaining battery", "d"),
    0x75: Meaning("stop counter"),
    0x76: Meaning("manufacturer data", kind="text"),
}

EXTENSION_FD_FD: dict[int, Meaning] = {
    0x02: Meaning("remaining battery", "month"),
    0x03: Meaning("remaining battery", "y"),
}

VALUE_ABSENT = frozenset((0x15, 0x16, 0x17, 0x18))
PROFILES = frozenset((0x13, 0x1E, 0x1F))

QUALIFIERS: dict[int, str] = {
    0x12: "average",
    0x13: "inverse compact profile",
    0x14: "relative deviation",
    0x15: "no data",
    0x16: "overflow",
    0x17: "underflow",
    0x18: "data error",
    0x1C: "premature end",
    0x1D: "standard conform",
    0x1E: "compact profile with registers",
    0x1F: "compact profile",
    **{0x20 + n: f"per {unit}" for n, unit in enumerate(("s", "min", "h", "d", "week", "month", "year"))},
    0x27: "per revolution",
    0x28: "per input pulse 0",
    0x29: "per input pulse 1",
    0x2A: "per output pulse 0",
    0x2B: "per output pulse 1",
    **{0x2C + n: f"per {unit}" for n, unit in enumerate(("l", "m3", "kg", "K"))},
    **{0x30 + n: f"per {unit}" for n, unit in enumerate(("kWh", "GJ", "kW", "K l", "V", "A"))},
    **{0x36 + n: f"times {unit}" for n, unit in enumerate(("s", "s/V", "s/A"))},
    0x39: "start date",
    0x3A: "uncorrected",
    0x3B: "forward",
    0x3C: "backward",
    0x3D: "non-metric",
    0x3E: "at base conditions",
    0x3F: "obis",
    0x40: "lower limit",
    0x48: "upper limit",
    0x41: "lower limit exceeds",
    0x49: "upper limit exceeds",
    **{0x42 + n: "date of lower limit" for n in range(6)},
    **{0x4A + n: "date of upper limit" for n in range(6)},
    **{0x50 + n: f"duration of limit {n}" for n in range(16)},
    **{0x60 + n: f"duration {n}" for n in range(8)},
    0x68: "below lower limit",
    0x69: "leakage",
    0x6C: "above upper limit",
    0x6D: "overflow volume",
    0x7E: "future",
}

QUALIFIERS_SECOND: dict[int, str] = {
    0x01: "l1",
    0x02: "l2",
    0x03: "l3",
    0x04: "n",
    0x0C: "delta",
    0x0F: "higher resolution",
    0x13: "end date",
}
