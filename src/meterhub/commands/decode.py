"""`meterhub decode`: telegrams in hex to readings, as JSON lines or for reading at a terminal."""

import json
import sys
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Annotated, Any

import typer

from meterhub.wmbus import FormatStore, FrameError, Telegram, decode
from meterhub.wmbus.media import medium_of

SCHEMA = 1
_IGNORED = str.maketrans("", "", " \t_|:-")

app = typer.Typer()


@app.command()
def run(
    frames: Annotated[
        list[str], typer.Argument(help="telegrams in hex, or - for JSON lines on standard input")
    ],
    key: Annotated[str | None, typer.Option(help="the meter's key, 32 hex digits")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="one JSON object a line, also at a terminal")
    ] = False,
) -> None:
    """Decode telegrams; with - each line of standard input is {"frame": HEX, "key": HEX or null}."""
    formats = FormatStore()
    requests = _from_lines(sys.stdin) if frames == ["-"] else ((frame, key) for frame in frames)
    answers = (answer(frame, own_key, formats) for frame, own_key in requests)
    if as_json or frames == ["-"] or not sys.stdout.isatty():
        for line in answers:
            sys.stdout.write(to_json(line) + "\n")
        sys.stdout.flush()
    else:
        _show(answers)


def _from_lines(lines: Iterable[str]) -> Iterator[tuple[object, object]]:
    """Read requests; a line that is not a JSON object becomes a request that cannot be decoded."""
    for line in lines:
        if not line.strip():
            continue
        try:
            request = json.loads(line)
        except ValueError as error:
            yield error, None
            continue
        if isinstance(request, dict):
            yield request.get("frame"), request.get("key")
        else:
            yield ValueError("the line is not a JSON object"), None


def answer(frame: object, key: object, formats: FormatStore) -> dict[str, Any]:
    """Decode one request to the answer object of the contract, whatever the request holds."""
    if isinstance(frame, ValueError):
        return _undecoded("input", "bad-json", 0, str(frame))
    try:
        raw = _hex(frame, "frame")
        own_key = None if key is None else _hex(key, "key")
    except ValueError as error:
        return _undecoded("input", "bad-hex", 0, str(error))
    try:
        return describe(decode(raw, own_key, formats))
    except FrameError as error:
        return _undecoded(error.layer, error.code, error.offset, str(error))


def _hex(text: object, what: str) -> bytes:
    """Return the bytes of hex text; blanks and the separators that loggers print are skipped."""
    if not isinstance(text, str):
        raise ValueError(f"{what}: hex text is needed, not {type(text).__name__}")  # noqa: TRY004 - one kind for callers
    try:
        return bytes.fromhex(text.translate(_IGNORED))
    except ValueError as error:
        raise ValueError(f"{what}: {error}") from None


def _undecoded(layer: str, code: str, offset: int, message: str) -> dict[str, Any]:
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
        "diagnostics": [{"layer": layer, "code": code, "offset": offset, "message": message}],
    }


def describe(telegram: Telegram) -> dict[str, Any]:
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
        "diagnostics": [
            {"layer": entry.layer, "code": entry.code, "offset": entry.offset, "message": entry.message}
            for entry in telegram.diagnostics
        ],
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


def _show(answers: Iterable[dict[str, Any]]) -> None:
    """Print answers for a person."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    for entry in answers:
        meter, security = entry["meter"], entry["security"]
        if meter["id"] is not None:
            console.print(
                f"[bold]{meter['manufacturer']} {meter['id']}[/bold] {meter['medium']}, version "
                f"{meter['version']}, driver {entry['driver']}, mode {security['mode']}: {security['result']}"
            )
        table = Table(show_header=False, box=None, padding=(0, 2))
        for name, value in entry["readings"].items():
            table.add_row(name, f"{value:f}" if isinstance(value, Decimal) else str(value))
        console.print(table)
        for note in entry["diagnostics"]:
            where = f"{note['layer']} {note['code']}"
            console.print(
                f"[yellow]{where}[/yellow] at byte {note['offset']}: {note['message']}", highlight=False
            )
