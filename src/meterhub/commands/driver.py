"""`meterhub driver`: what meters are read, and a first draft of a driver for a new one."""

from pathlib import Path
from typing import Annotated, Any

import typer

from meterhub.wmbus import FormatStore, FrameError, Telegram, decode
from meterhub.wmbus.catalogue import Evidence, address, markdown
from meterhub.wmbus.draft import draft
from meterhub.wmbus.history import dated_registers
from meterhub.wmbus.registry import all_drivers

app = typer.Typer(no_args_is_help=True)

_FIXTURES = Path("firmware_fixtures")


@app.command("list")
def list_drivers(
    as_markdown: Annotated[
        bool, typer.Option("--markdown", help="the page docs/supported-wmbus.md, with what each was tested with")
    ] = False,
    fixtures: Annotated[Path, typer.Option(help="folder of the kept telegrams, for --markdown")] = _FIXTURES,
) -> None:
    """List the meter families that are read by name."""
    if as_markdown:
        if not fixtures.is_dir():
            typer.echo(f"no folder {fixtures}: name it with --fixtures", err=True)
            raise typer.Exit(2)
        typer.echo(markdown(all_drivers(), evidence_in(fixtures)), nl=False)
        return
    for driver in all_drivers():
        typer.echo(f"{driver.name}: {'; '.join(map(address, driver.detect)) or 'any other meter'}")


@app.command()
def new(
    frame: Annotated[str, typer.Argument(help="a telegram in hex, with or without CRCs")],
    key: Annotated[str | None, typer.Option(help="the meter's key, 32 hex digits")] = None,
) -> None:
    """Print a draft of a driver file for the meter that sent a telegram."""
    try:
        telegram = decode(bytes.fromhex(frame), bytes.fromhex(key) if key else None)
        source = draft(telegram)
    except (ValueError, FrameError) as error:
        typer.echo(f"no draft: {error}", err=True)
        raise typer.Exit(1) from None
    typer.echo(source, nl=False)
    typer.echo(_next_steps(telegram), err=True)


def _next_steps(telegram: Telegram) -> str:
    """Return what is left to a person."""
    if telegram.driver not in (None, "generic"):
        return f"note: the driver {telegram.driver} reads this meter already"
    return "save it in src/meterhub/wmbus/drivers/, then go on with docs/contributing-meter.md"


def evidence_in(folder: Path) -> list[Evidence]:
    """Decode all kept telegrams of families (folders that start with an underscore show other things)."""
    import tomllib

    found = []
    for path in sorted(folder.rglob("source.toml")):
        source: dict[str, Any] = tomllib.loads(path.read_text())
        if path.relative_to(folder).parts[0] in ("_broken", "_unsupported"):
            continue
        key = bytes.fromhex(source["key"]) if "key" in source else None
        formats = FormatStore()
        for line in (path.parent / "frames.hex").read_text().split():
            telegram = decode(bytes.fromhex(line), key, formats)
            found.append(
                Evidence(
                    telegram.driver or "",
                    str(source["origin"]).removesuffix(" example"),
                    telegram.security_mode,
                    telegram.security.value == "decrypted",
                    tuple(telegram.readings),
                    telegram.alarms,
                    len(dated_registers(telegram)),
                )
            )
    return found
