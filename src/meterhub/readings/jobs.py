"""Background work on reads."""

from collections.abc import Iterator

from sqlalchemy import Engine

from meterhub.readings.rollup import RolledUp, roll_up_some


def roll_up(engine: Engine) -> Iterator[RolledUp]:
    """Derive all hours that are due, some meters at a time; yields each step once it is committed."""
    while (step := roll_up_some(engine)).changed_from:
        yield step
