"""`meterhub leaks`: the detectors over files, for back-tests and audits."""

import csv
import gzip
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from itertools import groupby
from pathlib import Path
from typing import Annotated, TextIO

import typer

from meterhub.alerts.lifecycle import Action
from meterhub.alerts.watch import Change, Watch, watch

app = typer.Typer(help="Find leaks in files of register reads.")

ML_PER_L = 1000
COLUMNS = ("entity_id", "raised_at", "kind", "severity", "onset_at", "rate_l_h", "evidence")


@app.callback()
def root() -> None:
    """Hold the sub-commands together."""


@app.command()
def detect(
    reads: Annotated[
        Path, typer.Option(help="CSV, also .gz: meter_id, read_at or read_at_local, register_l; by meter.")
    ],
    out: Annotated[Path | None, typer.Option(help="Where the alerts go; standard output by default.")] = None,
) -> None:
    """Write the alerts that watching these reads live would have raised, as CSV.

    Times with an offset are converted to UTC and come out with Z; naive times stay in their own clock.
    """
    try:
        if out is None:
            _detect(reads, sys.stdout)
        else:
            with out.open("w", newline="", encoding="utf-8") as target:
                _detect(reads, target)
    except (ReadsFileError, OSError) as error:
        typer.echo(f"meterhub leaks detect: {error}", err=True)
        raise typer.Exit(1) from None


class ReadsFileError(ValueError):
    """A line of the file cannot be used; the message names file and line."""


def _detect(path: Path, target: TextIO) -> None:
    writer = csv.writer(target)
    writer.writerow(COLUMNS)
    done: set[str] = set()
    for meter, rows in groupby(_rows(path), key=lambda row: row[0]):
        if meter in done:
            raise ReadsFileError(f"{path}: the reads of meter {meter} do not stand together; sort by meter_id")
        done.add(meter)
        read = list(rows)
        zone = "Z" if read[0][3] else ""
        changes = watch(Watch(), [(at_s, volume_ml) for _, at_s, volume_ml, _ in read])
        writer.writerows(_line(meter, change, zone) for change in changes if change.action is Action.RAISED)


def _line(meter: str, change: Change, zone: str) -> tuple[object, ...]:
    alert = change.alert
    evidence = " ".join(f"{name}={value}" for name, value in alert.evidence.items())
    rate_l_h = round(alert.rate_ml_h / ML_PER_L, 1)
    return (
        meter,
        _time(change.at_s, zone),
        alert.kind,
        alert.severity.value,
        _time(alert.onset_s, zone),
        rate_l_h,
        evidence,
    )


def _time(at_s: int, zone: str) -> str:
    return datetime.fromtimestamp(at_s, UTC).replace(tzinfo=None).isoformat() + zone


def _open(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8", newline="")
    return path.open(encoding="utf-8", newline="")


def _rows(path: Path) -> Iterator[tuple[str, int, int, bool]]:
    """Yield (meter, seconds, register in ml, whether the time had an offset) of each line."""
    with _open(path) as source:
        reader = csv.DictReader(source)
        names = reader.fieldnames or []
        time_name = next((name for name in ("read_at", "read_at_local") if name in names), None)
        if time_name is None or not {"meter_id", "register_l"} <= set(names):
            raise ReadsFileError(f"{path}: needs the columns meter_id, read_at (or read_at_local), register_l")
        for row in reader:
            try:
                at = datetime.fromisoformat(row[time_name])
                volume_ml = int(Decimal(row["register_l"]) * ML_PER_L)
            except (ValueError, TypeError, InvalidOperation):
                raise ReadsFileError(
                    f"{path}, line {reader.line_num}: not a time and a number of litres"
                ) from None
            aware = at if at.tzinfo else at.replace(tzinfo=UTC)
            yield row["meter_id"], int(aware.timestamp()), volume_ml, at.tzinfo is not None
