"""Keep estimates of gaps in step with the reads: made, made anew or taken back where something changed.

The register estimated for each full hour is stored (`gap_estimate`); the roll-up takes it like a read of low
quality, and drops it as soon as the reads around the gap are no longer neighbours.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, text

from meterhub.kit.arrays import instants, integers
from meterhub.kit.db import AnyRow
from meterhub.kit.hours import HOUR, floor_hour
from meterhub.readings.hourly import Quality
from meterhub.readings.repository import note_due
from meterhub.vee.estimation import HISTORY, Estimate, Gap, fill, forecast, is_gap
from meterhub.vee.loading import Loaded
from meterhub.vee.window import Read

# The meter is silent, not late.
SILENT_S = 86_400


@dataclass(frozen=True, slots=True)
class _Open:
    """A gap of a meter for which there may be an estimate."""

    meter_id: int
    capacity_ml: int
    gap: Gap


def keep_estimates(
    connection: Connection, loaded: Sequence[Loaded], now: datetime, zone: ZoneInfo, *, silent: bool
) -> int:
    """Estimate the gaps in some windows, with `silent` also those without an end; return how many changed."""
    gaps = [one for meter in loaded for one in _gaps(meter, now, silent=silent)]
    stored = {
        (row.meter_id, row.before_at): row
        for row in connection.execute(_STORED, {"ids": integers(meter.meter_id for meter in loaded)})
    }
    known = _known(connection, gaps) if gaps else {}
    changed = 0
    for one in gaps:
        volumes = known.get(one.meter_id, {})
        gap, capacity = one.gap, one.capacity_ml
        estimate = (
            forecast(gap, now, volumes, capacity, zone)
            if gap.after_at is None
            else fill(gap, volumes, capacity, zone)
        )
        changed += _replace(connection, one, stored.get((one.meter_id, gap.before_at)), estimate)
    return changed


def _gaps(meter: Loaded, now: datetime, *, silent: bool) -> Iterator[_Open]:
    window = meter.window
    for before, after in pairwise(window.reads):
        parted = before.source == "removal" or after.source == "installation"
        if not parted and is_gap(_at(before), _at(after)):
            gap = Gap(_at(before), before.volume_ml, _at(after), after.volume_ml)
            yield _Open(meter.meter_id, window.capacity_ml, gap)
    last = window.reads[-1] if window.reads else None
    now_s = int(now.timestamp())
    is_silent = silent and last is not None and last.source != "removal" and now_s - last.at_s > SILENT_S
    if last is not None and is_silent and meter.point_at(now_s) is not None:
        yield _Open(meter.meter_id, window.capacity_ml, Gap(_at(last), last.volume_ml))


def _at(read: Read) -> datetime:
    return datetime.fromtimestamp(read.at_s, UTC)


_STORED = text("SELECT * FROM gap_estimate WHERE meter_id = ANY(CAST(:ids AS integer[]))")
_KNOWN = text(
    """
    SELECT w.meter_id, array_agg(h.hour) AS hours, array_agg(h.volume_ml) AS volumes
    FROM unnest(CAST(:ids AS integer[]), CAST(:since AS timestamptz[]), CAST(:until AS timestamptz[]))
        AS w (meter_id, since, until)
    CROSS JOIN LATERAL (
        SELECT * FROM hourly(w.since, w.until) v WHERE v.meter_id = w.meter_id AND v.quality <= :interpolated
        OFFSET 0
    ) h
    GROUP BY w.meter_id
    """
)
_STORE = text(
    """
    INSERT INTO gap_estimate (meter_id, before_at, before_ml, after_at, after_ml, first_at, registers_ml, method)
    VALUES (:meter_id, :before_at, :before_ml, :after_at, :after_ml, :first_at, :registers_ml, :method)
    ON CONFLICT (meter_id, before_at) DO UPDATE
        SET before_ml = excluded.before_ml, after_at = excluded.after_at, after_ml = excluded.after_ml,
            first_at = excluded.first_at, registers_ml = excluded.registers_ml, method = excluded.method
    """
)
_DROP = text("DELETE FROM gap_estimate WHERE meter_id = :meter_id AND before_at = :before_at")


def _known(connection: Connection, gaps: Sequence[_Open]) -> dict[int, dict[datetime, int]]:
    """Return the hours that are known of each meter before its gaps."""
    first: dict[int, datetime] = {}
    last: dict[int, datetime] = {}
    for one in gaps:
        at = one.gap.before_at
        first[one.meter_id] = min(first.get(one.meter_id, at), at)
        last[one.meter_id] = max(last.get(one.meter_id, at), at)
    values = {
        "ids": integers(first),
        "since": instants(floor_hour(at - HISTORY) for at in first.values()),
        "until": instants(last[meter_id] for meter_id in first),
        "interpolated": Quality.INTERPOLATED,
    }
    return {
        row.meter_id: dict(zip(row.hours, row.volumes, strict=True)) for row in connection.execute(_KNOWN, values)
    }


def _replace(connection: Connection, one: _Open, stored: AnyRow | None, estimate: Estimate | None) -> bool:
    gap = one.gap
    key = {"meter_id": one.meter_id, "before_at": gap.before_at}
    if estimate is None:
        if stored is None:
            return False
        connection.execute(_DROP, key)
    else:
        row = {
            "before_ml": gap.before_ml,
            "after_at": gap.after_at,
            "after_ml": gap.after_ml,
            "first_at": estimate.first_at,
            "registers_ml": list(estimate.registers_ml),
            "method": estimate.method,
        }
        if stored is not None and all(getattr(stored, name) == value for name, value in row.items()):
            return False
        connection.execute(_STORE, key | row)
    ends = [known.first_at + len(known.registers_ml) * HOUR for known in (stored, estimate) if known is not None]
    note_due(
        connection,
        one.meter_id,
        gap.before_at,
        max([gap.after_at or gap.before_at, *ends]),
        vanishing=gap.after_at is None,
    )
    return True
