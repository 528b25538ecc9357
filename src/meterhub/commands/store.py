"""`meterhub store`: how the large tables are kept, and what leaves by age."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer

from meterhub.commands._database import open_engine
from meterhub.settings import get_settings
from meterhub.store.retention import expire, expired
from meterhub.store.upkeep import maintain

app = typer.Typer(no_args_is_help=True, help="How the large tables are kept.")


@app.command("maintain")
def maintain_store() -> None:
    """Make months ahead, seal what is final, and drop what has to leave if retention is enforced; JSON out."""
    with open_engine() as engine:
        done = maintain(engine, get_settings(), datetime.now(UTC))
    typer.echo(json.dumps(asdict(done), default=_plain))


@app.command("expire")
def expire_store(
    *, yes: Annotated[bool, typer.Option("--yes", help="Drop it; without this it is only listed.")] = False
) -> None:
    """List what is older than the settings keep, or drop it; one JSON object a part."""
    with open_engine() as engine:
        retention, now = get_settings().retention, datetime.now(UTC)
        for expiry in expire(engine, retention, now) if yes else expired(engine, retention, now):
            typer.echo(json.dumps({**asdict(expiry), "dropped": yes}, default=_plain))


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no plain form")
