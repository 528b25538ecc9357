"""Readies what a run has issued for sending: each document gets its picture of consumption, once, and is queued.

The picture belongs to the document and not to the calculation, so numbers do not wait for it. It is kept as it is
first made, so the document comes out the same each time.
"""

import json
from collections.abc import Sequence

from sqlalchemy import Connection, Engine, text

from meterhub.billing.delivery import service as delivery
from meterhub.billing.runs.loading import installed_at, instants_of
from meterhub.billing.runs.pictures import pictures
from meterhub.kit.db import AnyRow
from meterhub.kit.periods import DateRange
from meterhub.settings import Settings

STEP = 500


def prepare_documents(engine: Engine, settings: Settings, run_id: int) -> int:
    """Give each document of a run its picture and queue it for sending; return how many had none."""
    done, after = 0, 0
    while True:
        with engine.begin() as connection:
            values = {"run_id": run_id, "after": after, "step": STEP}
            rows = connection.execute(_WITHOUT, values).all()
            if not rows:
                return done
            _draw(connection, settings, rows)
            delivery.enqueue(connection, [row.id for row in rows])
        done, after = done + len(rows), rows[-1].id


def _draw(connection: Connection, settings: Settings, rows: Sequence[AnyRow]) -> None:
    zone = settings.tz
    periods = {row.id: DateRange(row.starts, row.ends) for row in rows}
    bounds = {key: instants_of(period, zone) for key, period in periods.items()}
    points = [(row.id, row.metering_point_id, False) for row in rows]
    made = pictures(connection, periods, bounds, installed_at(connection, points, bounds), zone)
    values = {"ids": list(made), "contents": [json.dumps(content) for content in made.values()]}
    connection.execute(_KEEP, values)


_WITHOUT = text(
    """
    SELECT i.id, lower(i.period) AS starts, upper(i.period) AS ends, c.metering_point_id
    FROM invoice i JOIN contract c ON c.id = i.contract_id
    WHERE i.run_id = :run_id AND i.id > :after
      AND NOT EXISTS (SELECT 1 FROM billing_picture p WHERE p.invoice_id = i.id)
    ORDER BY i.id LIMIT :step
    """
)
_KEEP = text(
    """
    INSERT INTO billing_picture (invoice_id, content)
    SELECT id, CAST(content AS jsonb)
    FROM unnest(CAST(:ids AS int[]), CAST(:contents AS text[])) AS new (id, content)
    ON CONFLICT DO NOTHING
    """
)
