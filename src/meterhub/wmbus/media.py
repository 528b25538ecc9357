"""Device types of EN 13757-3 (and those that Techem adds) in words."""

from meterhub.wmbus.model import Address

_MEDIA = {
    0x00: "other",
    0x01: "oil",
    0x02: "electricity",
    0x03: "gas",
    0x04: "heat",
    0x05: "steam",
    0x06: "warm water",
    0x07: "water",
    0x08: "heat cost allocator",
    0x09: "compressed air",
    0x0A: "cooling (outlet)",
    0x0B: "cooling (inlet)",
    0x0C: "heat (inlet)",
    0x0D: "heat and cooling",
    0x0E: "bus or system",
    0x0F: "unknown",
    0x14: "calorific value",
    0x15: "hot water",
    0x16: "cold water",
    0x17: "dual register water",
    0x18: "pressure",
    0x19: "analogue to digital converter",
    0x1A: "smoke detector",
    0x1B: "room sensor",
    0x1C: "gas detector",
    0x20: "breaker",
    0x21: "valve",
    0x25: "customer unit",
    0x28: "waste water",
    0x29: "garbage",
    0x2A: "carbon dioxide",
    0x31: "communication controller",
    0x32: "unidirectional repeater",
    0x33: "bidirectional repeater",
    0x36: "radio converter (system side)",
    0x37: "radio converter (meter side)",
}
_TECHEM = {
    0x43: "heat",
    0x62: "warm water",
    0x72: "cold water",
    0x80: "heat cost allocator",
    0xC3: "heat",
    0xF0: "smoke detector",
}
WATER = frozenset(("warm water", "water", "hot water", "cold water", "dual register water", "waste water"))


def medium_of(address: Address) -> str:
    """Return what a device measures or does, "reserved" for codes without a meaning."""
    if address.manufacturer == "TCH" and address.device_type in _TECHEM:
        return _TECHEM[address.device_type]
    return _MEDIA.get(address.device_type, "reserved")
