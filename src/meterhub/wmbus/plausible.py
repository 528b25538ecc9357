"""Tells records from the noise that a wrong key makes of them."""

from decimal import Decimal

from meterhub.wmbus.records import Item, parse

CHECK = b"\x2f\x2f"
"""The fillers with which encrypted records start (OMS Volume 2), so that the right key shows."""

_COUNTED = frozenset(("energy", "heat cost units", "volume"))
_ORDINARY = _COUNTED | {
    "actuality duration",
    "date",
    "datetime",
    "enhanced identification",
    "error flags",
    "external temperature",
    "fabrication number",
    "flow temperature",
    "on time",
    "operating time",
    "power",
    "remaining battery",
    "return temperature",
    "temperature difference",
    "voltage",
    "volume flow",
}


def is_plain(payload: bytes) -> bool:
    """Tell whether bytes that should be encrypted are readable records behind two fillers."""
    return payload[:2] == CHECK and not parse(payload).diagnostics


def is_plausible(payload: bytes) -> bool:
    """Tell whether bytes without the two leading fillers are records all the same.

    A wrong key gives random bytes, and those pass for records far too often unless each record is an
    ordinary one and a register is among them: see `_is_ordinary` and `_is_register`.
    """
    parsed = parse(payload)
    return (
        not parsed.diagnostics
        and not parsed.manufacturer_data
        and len(parsed.items) > 2
        and all(map(_is_ordinary, parsed.items))
        and any(map(_is_register, parsed.items))
    )


def _is_ordinary(item: Item) -> bool:
    """Tell whether a record is one that water and heat meters send in practice."""
    header = item.header
    return (
        header.quantity in _ORDINARY
        and header.storage <= 32
        and header.tariff_register <= 3
        and header.subunit <= 1
        and len(header.raw) <= 5
        and not any(name.startswith(("unknown", "manufacturer", "duration")) for name in header.qualifiers)
        and item.value is not None
    )


def _is_register(item: Item) -> bool:
    """Tell whether a record is a present total of credible size."""
    header, value = item.header, item.value
    return (
        header.quantity in _COUNTED
        and header.function == "instantaneous"
        and not (header.storage or header.tariff_register or header.subunit or header.qualifiers)
        and isinstance(value, Decimal)
        and 0 <= value < 10_000_000
    )
