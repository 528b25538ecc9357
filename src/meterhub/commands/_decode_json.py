"""The answers of `meterhub decode` for programs: one JSON object a line, numbers with exactly their digits."""

import json
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from meterhub.commands._decode_requests import Outcome, Place
from meterhub.wmbus import Telegram
from meterhub.wmbus.annotate import Role
from meterhub.wmbus.media import medium_of
from meterhub.wmbus.model import Diagnostic

SCHEMA = 1


def describe(outcome: Outcome) -> dict[str, Any]:
    """Return the answer object of the contract."""
    return _undecoded(outcome) if isinstance(outcome, Diagnostic) else _decoded(outcome)


def source_of(place: Place) -> dict[str, Any]:
    """Return where in a file a frame stands."""
    return {"file": place.file, "line": place.line, "format": place.format or None}


def annotation(roles: Iterable[Role]) -> list[dict[str, Any]]:
    """Return the roles of all bytes of a frame; bytes that were encrypted are plain where `decrypted` is true."""
    return [
        {
            "layer": role.layer,
            "name": role.name,
            "offset": role.offset,
            "length": role.length,
            "bytes": role.content.hex().upper(),
            "value": role.value,
            "decrypted": role.decrypted,
        }
        for role in roles
    ]


def _undecoded(problem: Diagnostic) -> dict[str, Any]:
    """Return the answer for a frame that cannot be decoded."""
    return {
        "schema": SCHEMA,
        "meter": {"manufacturer": None, "id": None, "version": None, "device_type": None, "medium": None},
        "driver": None,
        "security": {"mode": None, "result": None},
        "readings": {},
        "alarms": [],
        "meter_at": None,
        "records": [],
        "diagnostics": [_noted(problem)],
    }


def _noted(entry: Diagnostic) -> dict[str, Any]:
    return {"layer": entry.layer, "code": entry.code, "offset": entry.offset, "message": entry.message}


def _decoded(telegram: Telegram) -> dict[str, Any]:
    """Return a telegram as the answer object of the contract."""
    meter = telegram.meter
    return {
        "schema": SCHEMA,
        "meter": {
            "manufacturer": meter.manufacturer,
            "id": meter.serial,
            "version": meter.device_version,
            "device_type": meter.device_type,
            "medium": medium_of(meter),
        },
        "driver": telegram.driver,
        "security": {"mode": telegram.security_mode, "result": telegram.security.value},
        "readings": dict(telegram.readings),
        "alarms": list(telegram.alarms),
        "meter_at": telegram.meter_at.isoformat() if telegram.meter_at else None,
        "records": [
            {
                "dif_vif": record.dif_vif,
                "quantity": record.quantity,
                "unit": record.unit,
                "value": record.value,
                "function": record.function,
                "storage": record.storage,
                "tariff": record.tariff_register,
                "subunit": record.subunit,
                **({"qualifiers": list(record.qualifiers)} if record.qualifiers else {}),
            }
            for record in telegram.records
        ],
        "diagnostics": [_noted(entry) for entry in telegram.diagnostics],
    }


def to_json(value: Any) -> str:
    """Return JSON in which a Decimal is a number with exactly its digits."""
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(name)}: {to_json(entry)}" for name, entry in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(to_json, value)) + "]"
    return json.dumps(value)
