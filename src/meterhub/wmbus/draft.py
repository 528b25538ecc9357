"""Drafts a driver file from one telegram: every record named by its meaning, ready to be corrected."""

from meterhub.wmbus.driver import Driver
from meterhub.wmbus.headers import Header, resolve
from meterhub.wmbus.media import medium_of
from meterhub.wmbus.model import Record, Telegram
from meterhub.wmbus.naming import plan_for
from meterhub.wmbus.registry import generic

_SUFFIXES = {
    "m3": "m3",
    "m3/h": "m3h",
    "m3/min": "m3h",
    "m3/s": "m3h",
    "ft3": "m3",
    "gal": "m3",
    "C": "c",
    "K": "k",
    "F": "c",
    "kWh": "kwh",
    "MJ": "mj",
    "kW": "kw",
    "MJ/h": "kw",
    "V": "v",
    "A": "a",
    "bar": "bar",
    "%": "rh",
    "kg": "kg",
    "kg/h": "kgh",
    "hca": "hca",
    "dBm": "dbm",
    "s": "s",
    "min": "min",
    "h": "h",
    "d": "d",
    "month": "month",
    "y": "y",
}
_SHOWN = 40
_FUNCTIONS = {"instantaneous": "", "maximum": "max_", "minimum": "min_", "during error": "error_"}


def draft(telegram: Telegram) -> str:
    """Return the source of a driver for the meter that sent this telegram; ValueError where nothing was read."""
    if not telegram.records:
        reasons = "; ".join(entry.message for entry in telegram.diagnostics) or "it holds no records"
        raise ValueError(f"the telegram gives no records: {reasons}")
    meter = telegram.meter
    fields: list[str] = []
    flags: list[str] = []
    for record in telegram.records:
        header = resolve(bytes.fromhex(record.dif_vif))
        if header.kind == "flags":
            flags.append(_flags(record))
        elif header.kind == "profile" or not header.quantity:
            fields.append(
                f"        # {record.dif_vif} {header.quantity}: {record.value} {record.unit}, see read_payload"
            )
        else:
            fields.append(_field(record, header, generic()))
    detect = f'match("{meter.manufacturer}", "{meter.device_version:02X}", "{meter.device_type:02X}")'
    name = f"{meter.manufacturer.lower()}-{meter.device_version:02x}{meter.device_type:02x}"
    imports = "Driver, Field, Flags, match" if flags else "Driver, Field, match"
    source = [
        f'"""{meter.manufacturer} {medium_of(meter)} meter, version {meter.device_version:02X}."""',
        "",
        *(
            ["from meterhub.wmbus import common_fields as common"]
            if any("common." in line for line in fields)
            else []
        ),
        f"from meterhub.wmbus.driver import {imports}",
        "",
        "DRIVER = Driver(",
        f'    name="{name}",',
        f"    detect=({detect},),",
        "    fields=(",
        *dict.fromkeys(fields),
        "    ),",
        *(["    flags=(", *dict.fromkeys(flags), "    ),"] if flags else []),
        ")",
    ]
    return "\n".join(source) + "\n"


def _field(record: Record, header: Header, known: Driver) -> str:
    """Return the line of one record, with what it was in this telegram."""
    names = plan_for(known, header).readings
    name = names[0][0] if names else _name(header)
    if not names and header.kind == "number" and header.unit and header.unit not in _SUFFIXES:
        own = f'Field("{name}", dif_vif="{record.dif_vif}", convert=common.count),'
        return f"        # {_said(record)}\n        {own}"
    arguments = [f'"{name}"', f'"{header.quantity}"']
    arguments += [f'function="{header.function}"'] if header.function != "instantaneous" else []
    arguments += [f"storage={header.storage}"] if header.storage else []
    arguments += [f"tariff={header.tariff_register}"] if header.tariff_register else []
    arguments += [f"subunit={header.subunit}"] if header.subunit else []
    arguments += [f"qualifiers={header.qualifiers!r}".replace("'", '"')] if header.qualifiers else []
    return f"        # {_said(record)}\n        Field({', '.join(arguments)}),"


def _said(record: Record) -> str:
    """Return what a record was in this telegram."""
    value = str(record.value)
    shown = value if len(value) <= _SHOWN else f"{value[:_SHOWN]}..."
    return f"{record.dif_vif}: {shown} {record.unit}".rstrip()


def _name(header: Header) -> str:
    """Return a name made of what the header says."""
    words = [_FUNCTIONS[header.function].rstrip("_"), header.quantity, *header.qualifiers]
    words += [f"storage_{header.storage}"] if header.storage else []
    words += [f"tariff_{header.tariff_register}"] if header.tariff_register else []
    words += [f"subunit_{header.subunit}"] if header.subunit else []
    plain = "_".join("_".join(words).split()).strip("_").lower()
    slug = "".join(character if character.isalnum() else "_" for character in plain)
    suffix = _SUFFIXES.get(header.unit, "")
    return f"{slug}_{suffix}" if suffix else slug


def _flags(record: Record) -> str:
    """Return the line of a record of bits, whose meaning the maker's paper tells."""
    return f'        # {_said(record)}: map bits to words of ALARMS\n        Flags({{}}, "{record.dif_vif}"),'
