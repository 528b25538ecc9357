"""Queries on what was read and heard of meters before: what a new read is held against."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, text

from meterhub.kit import arrays

# Most meters were heard within this time; only for the others all months are looked through.
RECENTLY = timedelta(days=32)


class Earlier(NamedTuple):
    """A stored read."""

    at: datetime
    volume_ml: int
    raw_frame_id: int | None


# The first read after a meter was put in counts as well: a register may have been set back.
_NEWEST = """
    SELECT w.meter_id, r.at, r.volume_ml, r.raw_frame_id
    FROM unnest(CAST(:meter_ids AS integer[])) AS w (meter_id)
    CROSS JOIN LATERAL (
        SELECT r.at, r.volume_ml, r.raw_frame_id FROM register_read r
        WHERE r.meter_id = w.meter_id AND r.source IN ('amr', 'installation') {recently}
        ORDER BY r.at DESC, r.id DESC LIMIT 1
    ) r
"""
_NEWEST_RECENTLY = text(_NEWEST.format(recently="AND r.at >= :since"))
_NEWEST_EVER = text(_NEWEST.format(recently=""))

# A register of the past (meterhub.ingest.history) speaks against no telegram: its frame, and so its counter, is
# that of a later one. It is never the newest read, as the one that was heard with it is newer.
_BEFORE = text(
    """
    SELECT w.place, r.at, r.volume_ml, r.raw_frame_id
    FROM unnest(CAST(:places AS bigint[]), CAST(:meter_ids AS integer[]), CAST(:times AS timestamptz[]))
        AS w (place, meter_id, at)
    CROSS JOIN LATERAL (
        SELECT r.at, r.volume_ml, r.raw_frame_id FROM register_read r
        WHERE r.meter_id = w.meter_id AND r.source IN ('amr', 'installation') AND r.at <= w.at
            AND NOT EXISTS (SELECT FROM historic_read h WHERE h.meter_id = r.meter_id AND h.at = r.at)
        ORDER BY r.at DESC, r.id DESC LIMIT 1
    ) r
    """
)


def newest_reads(connection: Connection, meter_ids: Iterable[int], since: datetime) -> dict[int, Earlier]:
    """Return the newest read of each meter that has one."""
    wanted = set(meter_ids)
    values = {"meter_ids": arrays.integers(wanted), "since": since - RECENTLY}
    found = {row[0]: Earlier(*row[1:]) for row in connection.execute(_NEWEST_RECENTLY, values)}
    if len(found) < len(wanted):
        values = {"meter_ids": arrays.integers(wanted - set(found))}
        found |= {row[0]: Earlier(*row[1:]) for row in connection.execute(_NEWEST_EVER, values)}
    return found


def reads_before(connection: Connection, wanted: Sequence[tuple[int, int, datetime]]) -> dict[int, Earlier]:
    """Return by place the newest read of a meter up to an instant: places, meters and instants are given."""
    values = {
        "places": arrays.integers(place for place, _, _ in wanted),
        "meter_ids": arrays.integers(meter_id for _, meter_id, _ in wanted),
        "times": arrays.instants(at for _, _, at in wanted),
    }
    return {row[0]: Earlier(*row[1:]) for row in connection.execute(_BEFORE, values)}


def heard_before(connection: Connection, wanted: Mapping[int, int]) -> set[int]:
    """Return those fingerprints of which a transmission is stored under another id than the one given with it."""
    statement = text(
        """
        SELECT w.fingerprint FROM unnest(CAST(:fingerprints AS bigint[]), CAST(:ids AS bigint[]))
            AS w (fingerprint, id)
        WHERE EXISTS (SELECT FROM raw_frame f WHERE f.fingerprint = w.fingerprint AND f.id <> w.id)
        """
    )
    values = {"fingerprints": arrays.integers(wanted), "ids": arrays.integers(wanted.values())}
    return set(connection.execute(statement, values).scalars())


def frames(connection: Connection, ids: Iterable[int]) -> dict[int, bytes]:
    """Return the stored frames with these ids."""
    statement = text("SELECT id, frame FROM raw_frame WHERE id = ANY(CAST(:ids AS bigint[]))")
    return {row[0]: bytes(row[1]) for row in connection.execute(statement, {"ids": arrays.integers(ids)})}


def held_as(
    connection: Connection, reason: str, meters: Iterable[tuple[str, str]], but: Iterable[int]
) -> dict[tuple[str, str], int]:
    """Return how many frames of these meters (manufacturer, serial) wait for a reason, but for some ids."""
    pairs = list(meters)
    statement = text(
        """
        SELECT manufacturer, serial, count(*) FROM quarantine
        JOIN unnest(CAST(:manufacturers AS text[]), CAST(:serials AS text[])) AS w (manufacturer, serial)
            USING (manufacturer, serial)
        WHERE resolved_at IS NULL AND reason = :reason AND raw_frame_id <> ALL(CAST(:but AS bigint[]))
        GROUP BY 1, 2
        """
    )
    values = {
        "reason": reason,
        "but": arrays.integers(but),
        "manufacturers": arrays.texts(pair[0] for pair in pairs),
        "serials": arrays.texts(pair[1] for pair in pairs),
    }
    return {(row[0], row[1]): row[2] for row in connection.execute(statement, values)}


def held_between(
    connection: Connection,
    reason: str,
    spans: Sequence[tuple[int, tuple[str, str], datetime, datetime]],
    *,
    last: int,
) -> dict[int, list[int]]:
    """Return by place the last frames that wait for a reason, in order of time.

    Given are places, meters and spans without their ends.
    """
    statement = text(
        """
        SELECT w.place, (array_agg(q.raw_frame_id ORDER BY f.received_at DESC))[1:CAST(:last AS integer)]
        FROM quarantine q
        JOIN unnest(CAST(:places AS bigint[]), CAST(:manufacturers AS text[]), CAST(:serials AS text[]),
                    CAST(:since AS timestamptz[]), CAST(:until AS timestamptz[]))
            AS w (place, manufacturer, serial, since, until) USING (manufacturer, serial)
        JOIN raw_frame f ON f.id = q.raw_frame_id AND f.received_at > w.since AND f.received_at < w.until
        WHERE q.resolved_at IS NULL AND q.reason = :reason
        GROUP BY w.place
        """
    )
    values = {
        "reason": reason,
        "last": last,
        "places": arrays.integers(place for place, _, _, _ in spans),
        "manufacturers": arrays.texts(meter[0] for _, meter, _, _ in spans),
        "serials": arrays.texts(meter[1] for _, meter, _, _ in spans),
        "since": arrays.instants(since for _, _, since, _ in spans),
        "until": arrays.instants(until for _, _, _, until in spans),
    }
    return {row[0]: row[1][::-1] for row in connection.execute(statement, values)}
