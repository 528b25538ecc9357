"""`meterhub keys`: the meters' keys in custody. No key is ever printed."""

import json
from collections import Counter
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Column, Table
from sqlalchemy import Engine

from meterhub.access.principal import SYSTEM
from meterhub.assets.key_file import HowToRead, import_key_file
from meterhub.assets.key_formats import needs_password
from meterhub.assets.key_formats.table import FIELDS
from meterhub.assets.keys import key_history, key_stock
from meterhub.assets.master_rotation import Phase, Rotation, rotate
from meterhub.assets.sealing import master_id, parse_key
from meterhub.assets.service import require_meter
from meterhub.commands._columns import parse_columns
from meterhub.commands._database import open_engine
from meterhub.commands._files import read_bytes, read_text
from meterhub.commands._secrets import ask_for, secret_from
from meterhub.errors import BadInput
from meterhub.ingest.key_check import Fit, KeyCheck, MeterCheck, check_meter, survey
from meterhub.kit.clock import utc_now
from meterhub.settings import get_settings, parse_master_key

app = typer.Typer(no_args_is_help=True, help="Import meters' keys, check and guard them.")

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object.")]
COUNTS = ("heard", "opened", "older key", "not opened", "plain")
BAD = frozenset({Fit.DOES_NOT_FIT, Fit.OLDER_FITS, Fit.NO_KEY})


@app.command()
def status(
    meter: Annotated[str | None, typer.Option(help="MANUFACTURER:SERIAL, for its keys one by one.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Count the keys and check that the master keys open them; or show when a meter's keys came and from whom."""
    with open_engine() as engine:
        if meter is not None:
            _show_history(engine, meter, as_json=as_json)
            return
        with engine.connect() as connection:
            stock = key_stock(connection, get_settings())
    if as_json:
        typer.echo(json.dumps(asdict(stock)))
        return
    typer.echo(f"{stock.meters_with_key} of {stock.meters} meters have a key; {stock.keys} keys are kept")
    typer.echo(f"the master key opens them (the newest {stock.opened} were tried)")
    for name, count in sorted(stock.by_master.items()):
        typer.echo(f"  {count} under master key {name or 'of an older form: run `meterhub keys rotate`'}")


def _show_history(engine: Engine, meter: str, *, as_json: bool) -> None:
    manufacturer, serial = _meter_name(meter)
    with engine.connect() as connection:
        history = key_history(connection, require_meter(connection, manufacturer, serial).id)
    kept = [{"since_at": key.since_at.isoformat(), "by": key.by, "master_key": key.master} for key in history]
    if as_json:
        typer.echo(json.dumps({"meter": f"{manufacturer}:{serial}", "keys": kept}))
        return
    if not kept:
        typer.echo("no key is kept")
    for key in kept:
        typer.echo(f"since {key['since_at']}, from {key['by']}")


@app.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(help="Table (CSV) or Kamstrup container (.kem, .kem2, .zip.kem).")],
    *,
    password_file: Annotated[Path | None, typer.Option(help="Its first line opens the container.")] = None,
    manufacturer: Annotated[str, typer.Option(help="Whose meters they are, where the file does not say.")] = "",
    columns: Annotated[
        str | None, typer.Option(help="Unusual column names: serial=NAME,key=NAME,manufacturer=NAME.")
    ] = None,
    skip_unknown: Annotated[bool, typer.Option(help="Leave out meters that are not registered.")] = False,
    dry_run: Annotated[bool, typer.Option(help="Only say what would change.")] = False,
    as_json: AsJson = False,
) -> None:
    """Import keys of registered meters: the whole file, or nothing and what is wrong by row."""
    with open_engine() as engine:
        content = read_bytes(file)
        password = secret_from(password_file, f"password of {file.name}") if needs_password(content) else None
        how = HowToRead(password, parse_columns(columns, FIELDS), manufacturer.strip().upper(), skip_unknown)
        with engine.begin() as connection:
            done = import_key_file(connection, SYSTEM, get_settings(), content, how, dry_run=dry_run)
    if as_json:
        typer.echo(json.dumps(asdict(done) | {"dry_run": dry_run}))
        return
    typer.echo(
        f"{done.new} keys are new, {done.changed} replace others, {done.unchanged} were in use already"
        + (": nothing was stored, this was a dry run" if dry_run else "")
    )
    if done.unknown:
        typer.echo(f"left out, since not registered: {len(done.unknown)}, such as {done.unknown[0]}")
    if done.without_key:
        typer.echo(f"listed without a key: {len(done.without_key)}, such as {done.without_key[0]}")


@app.command()
def check(
    meter: Annotated[str | None, typer.Option(help="MANUFACTURER:SERIAL.")] = None,
    *,
    all_meters: Annotated[bool, typer.Option("--all", help="All registered meters.")] = False,
    key: Annotated[
        bool, typer.Option("--key", help="Try a key from standard input instead of those in custody.")
    ] = False,
    days: Annotated[int, typer.Option(min=1, max=90, help="How far back telegrams are looked at.")] = 7,
    as_json: AsJson = False,
) -> None:
    """Tell which telegrams of the last days a key opens; exit code 1 if keys do not fit."""
    with open_engine() as engine:
        if (meter is None) == (not all_meters):
            raise BadInput("say either --meter MANUFACTURER:SERIAL or --all")
        given = parse_key(ask_for("key").strip()) if key else None
        since = utc_now() - timedelta(days=days)
        if meter is not None:
            manufacturer, serial = _meter_name(meter)
            with engine.begin() as connection:
                meter_id = require_meter(connection, manufacturer, serial).id
                found = check_meter(connection, SYSTEM, get_settings(), meter_id, since=since, key=given)
            checks = [MeterCheck(manufacturer, serial, found)]
        else:
            with Progress(console=Console(stderr=True)) as progress:
                bar = progress.add_task("checking keys", total=None)
                checks = []
                for step in survey(engine, SYSTEM, get_settings(), since=since, key=given):
                    checks += step
                    progress.update(bar, completed=len(checks))
    _show_checks(checks, as_json=as_json, a_key_for_all=all_meters and key)


def _show_checks(checks: list[MeterCheck], *, as_json: bool, a_key_for_all: bool) -> None:
    """Print what was found; one key tried on all meters is meant to fit few, so that those are shown."""
    if as_json:
        for each in checks:
            typer.echo(json.dumps({"meter": f"{each.manufacturer}:{each.serial}"} | _facts(each.check)))
    else:
        wanted = {Fit.FITS} if a_key_for_all else BAD
        shown = [each for each in checks if each.check.fit in wanted or len(checks) == 1]
        table = Table(*(Column(name, no_wrap=True) for name in ("meter", "verdict")), *COUNTS)
        for each in shown:
            found = each.check
            counts = (found.telegrams, found.opened, found.opened_by_older, found.not_opened, found.plain)
            table.add_row(f"{each.manufacturer}:{each.serial}", found.fit, *map(str, counts))
        if shown:
            Console().print(table)
        for fit, count in Counter(each.check.fit for each in checks).most_common():
            typer.echo(f"{fit}: {count}")
    wrong = [each for each in checks if each.check.fit in BAD]
    fits = any(each.check.fit is Fit.FITS for each in checks)
    if (not fits) if a_key_for_all else wrong:
        raise typer.Exit(1)


def _facts(found: KeyCheck) -> dict[str, object]:
    return {"fit": found.fit} | asdict(found)


@app.command("rotate")
def rotate_master_key(
    new_master_key_file: Annotated[
        Path | None, typer.Option(help="64 hex digits; without it everything is sealed under the current one.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Seal all keys under another master key while the hub runs; stopped, it goes on where it was."""
    with open_engine() as engine:
        masters = get_settings().require_master_keys()
        new = masters[0]
        if new_master_key_file is not None:
            new = parse_master_key(read_text(new_master_key_file).strip(), str(new_master_key_file))
        if new not in masters:
            typer.echo(
                "note: running hubs must know both master keys: give the new one in "
                "METERHUB_PREVIOUS_MASTER_KEY_FILE until they run with it",
                err=True,
            )
        result = Rotation()
        with Progress(console=Console(stderr=True)) as progress:
            bars = {phase: progress.add_task(phase, total=None) for phase in Phase}
            for step in rotate(engine, SYSTEM, masters, new, result):
                progress.update(bars[step.phase], completed=step.done, total=step.total)
    if as_json:
        typer.echo(json.dumps(asdict(result) | {"master_key": master_id(new).hex()}))
    else:
        name = master_id(new).hex()
        typer.echo(f"{result.resealed} keys were sealed anew; {result.verified} open with master key {name}")
        for meter, why in result.failed.items():
            typer.echo(f"  {meter}: {why}", err=True)
    if result.failed:
        raise typer.Exit(1)


def _meter_name(text: str) -> tuple[str, str]:
    manufacturer, separator, serial = text.partition(":")
    if not separator:
        raise BadInput(f"{text!r} is not MANUFACTURER:SERIAL, for example KAM:76348799")
    return manufacturer.strip().upper(), serial.strip().lower()
