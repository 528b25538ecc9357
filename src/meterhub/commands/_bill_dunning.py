"""`meterhub bill remind` and `meterhub bill interest`: what is due, looked at or done."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated

import typer

from meterhub.access.principal import SYSTEM
from meterhub.billing.dunning import interest as late_interest
from meterhub.billing.dunning import reminders
from meterhub.billing.dunning.schemas import interest_out, steps_out
from meterhub.commands._database import open_engine
from meterhub.settings import get_settings

Preview = Annotated[bool, typer.Option("--preview", help="Show what is due; send and issue nothing.")]


def remind(
    *,
    as_of: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The day of the reminders; by default today.")
    ] = None,
    at_least: Annotated[str, typer.Option(help="Leave out what is open by less.")] = "0",
    preview: Preview = False,
) -> None:
    """Remind of invoices that are due for it, each once; prints JSON."""
    settings = get_settings()
    least = _amount(at_least)
    with open_engine() as engine, engine.begin() as connection:
        day = _day(as_of)
        if preview:
            shown = steps_out(reminders.propose(connection, settings, day, at_least=least))
        else:
            batch, sent = reminders.remind(connection, settings, SYSTEM, day, at_least=least)
            shown = steps_out(sent, batch)
    typer.echo(shown.model_dump_json(indent=2))


def interest(
    *,
    until: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="The last day charged; by default the last half-year's."),
    ] = None,
    minimum: Annotated[str, typer.Option(help="Below this nobody gets a bill; the days wait.")] = str(
        late_interest.MINIMUM
    ),
    preview: Preview = False,
) -> None:
    """Bill late interest up to a day, no day twice; prints JSON."""
    settings = get_settings()
    least = _amount(minimum)
    with open_engine() as engine, engine.begin() as connection:
        today = _day(None)
        last = until.date() if until else late_interest.next_until(today)
        if preview:
            shown = interest_out(late_interest.propose(connection, settings, last, minimum=least))
        else:
            issued, proposed = late_interest.charge(connection, settings, SYSTEM, last, today, minimum=least)
            shown = interest_out(proposed, [one.number for one in issued])
    typer.echo(shown.model_dump_json(indent=2))


def _day(given: datetime | None) -> date:
    return given.date() if given else datetime.now(UTC).astimezone(get_settings().tz).date()


def _amount(given: str) -> Decimal:
    try:
        return Decimal(given)
    except ArithmeticError:
        raise typer.BadParameter(f"{given!r} is not an amount") from None
