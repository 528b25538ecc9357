"""`meterhub migrate`: bring the database's tables to this version."""

from typing import Annotated

import typer
from alembic.util import CommandError

from meterhub import schema
from meterhub.commands._database import open_engine
from meterhub.errors import BadInput
from meterhub.kit.clock import utc_now
from meterhub.settings import get_settings
from meterhub.store.upkeep import maintain

app = typer.Typer()


@app.command()
def migrate(
    down: Annotated[
        str | None, typer.Option("--down", help="Go back to a revision instead; `base` drops every table.")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; exit code 1 if a migration is needed.")
    ] = False,
) -> None:
    """Bring the database to the newest schema and its store up to date, or back to an older schema."""
    newest = schema.head()
    with open_engine() as engine:
        before = schema.current(engine)
        if check:
            up_to_date = before == newest
            typer.echo(f"{_named(before)}, {'which is the newest' if up_to_date else f'the newest is {newest}'}")
            raise typer.Exit(0 if up_to_date else 1)
        try:
            if down is None:
                schema.upgrade(engine)
                maintain(engine, get_settings(), utc_now())
            else:
                schema.downgrade(engine, down)
        except CommandError as error:
            raise BadInput(f"{_named(before)}; {error}") from None
        after = schema.current(engine)
    typer.echo(f"{_named(after)}, as it was" if after == before else f"{_named(before)}, now {_named(after)}")


def _named(revision: str | None) -> str:
    return f"revision {revision}" if revision else "an empty database"
