"""An export: what it covers, who asked for it and why, and its bytes."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine

from meterhub.access import audit
from meterhub.access.principal import Principal
from meterhub.errors import BadInput, NotFound
from meterhub.kit.table_files import Format, Row, write_table
from meterhub.readings.export import queries
from meterhub.readings.export.queries import COLUMNS, POINTS_A_STEP, What

MOST_POINTS_BY_NAME = 1000


@dataclass(frozen=True, slots=True)
class Export:
    """A checked and logged export; `points` is None for all."""

    what: What
    form: Format
    since: datetime
    until: datetime
    zone: ZoneInfo
    points: tuple[int, ...] | None
    points_in_all: int


def prepare(
    connection: Connection,
    principal: Principal,
    *,
    what: What,
    form: Format,
    span: tuple[date | datetime, date | datetime],
    zone: ZoneInfo,
    codes: Sequence[str],
    purpose: str,
) -> Export:
    """Check what is asked for and put it on record, for each named point or for all; BadInput or NotFound."""
    since, until = (_instant(value, zone) for value in span)
    if since >= until:
        raise BadInput("an export goes from a moment to a later one", fields={"until": "not after from"})
    if what is What.DAILY:
        for name, at in (("from", since), ("until", until)):
            if at.astimezone(zone).time() != time():
                raise BadInput(f"daily sums are of whole days in {zone.key}", fields={name: "not a midnight"})
    if len(codes) > MOST_POINTS_BY_NAME:
        raise BadInput(f"name at most {MOST_POINTS_BY_NAME} points, or none for all", fields={"point": "too many"})
    points = None
    if codes:
        found = queries.find_points(connection, codes)
        missing = sorted(set(codes) - set(found))
        if missing:
            raise NotFound(f"there is no metering point {missing[0]!r}")
        points = tuple(found.values())
    detail = {"format": form, "from": since.isoformat(), "until": until.isoformat()}
    for subject in [f"point:{code}" for code in dict.fromkeys(codes)] or ["points:all"]:
        audit.record(
            connection, principal, action=f"export-{what}", purpose=purpose, subject=subject, detail=detail
        )
    in_all = len(points) if points is not None else queries.count_points(connection)
    return Export(what, form, since, until, zone, points, in_all)


def _instant(value: date | datetime, zone: ZoneInfo) -> datetime:
    """Return an instant; a day begins at its midnight in the utility's zone."""
    return value if isinstance(value, datetime) else datetime.combine(value, time(), zone)


def write(engine: Engine, export: Export, progress: Callable[[int], None] = lambda _: None) -> Iterator[bytes]:
    """Yield the file; `progress` is told how many points were written."""
    return write_table(COLUMNS[export.what], _rows(engine, export, progress), export.form)


def _rows(engine: Engine, export: Export, progress: Callable[[int], None]) -> Iterator[Sequence[Row]]:
    """Yield pieces of rows; each step of points is a transaction of its own, so nothing is held for hours."""
    for step, points in enumerate(queries.steps_of_points(engine, export.points)):
        for rows in queries.pieces(engine, export.what, points, export.since, export.until, export.zone.key):
            yield [tuple(row) for row in rows]
        progress(step * POINTS_A_STEP + len(points))
