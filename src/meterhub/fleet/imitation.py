"""Which meters somebody may be imitating, by what ingest holds: sent openly despite a key, or sent again."""

from datetime import timedelta

from sqlalchemy import text

from meterhub.fleet.rules import Kind

LATELY = timedelta(days=1)
# A meter with a key never sends openly. A repetition may come from a gateway whose clock is wrong: those with such
# an alarm do not count, nor copies so near to each other that clocks may differ by it; a single one says little.
REPETITIONS = 3
CLOCKS_APART = timedelta(minutes=2)

_LATELY = "q.resolved_at IS NULL AND q.reason IN ('downgraded', 'replayed') AND q.entered_at > :since"

IMITATED = text(
    f"""
    INSERT INTO fleet_alarm (kind, meter_id, severity, raised_at, detail)
    SELECT '{Kind.IMITATED_METER}', id, 'high', :now,
        openly || ' telegrams sent openly despite a key, ' || again || ' sent again, within a day'
    FROM (
        SELECT m.id, count(*) FILTER (WHERE q.reason = 'downgraded') AS openly,
            count(*) FILTER (WHERE q.reason = 'replayed') AS again
        FROM quarantine q JOIN meter m USING (manufacturer, serial) JOIN raw_frame f ON f.id = q.raw_frame_id
        WHERE {_LATELY} AND (q.reason = 'downgraded' OR NOT EXISTS (
            SELECT FROM fleet_alarm c WHERE c.gateway_id = f.gateway_id AND c.kind = '{Kind.CLOCK_WRONG}'
                AND (c.state <> 'closed' OR c.closed_at > :since))
            AND NOT EXISTS (
                SELECT FROM raw_frame other WHERE other.fingerprint = f.fingerprint AND other.id <> f.id
                    AND other.gateway_id <> f.gateway_id
                    AND other.received_at BETWEEN f.received_at - CAST(:apart AS interval)
                        AND f.received_at + CAST(:apart AS interval)))
        GROUP BY m.id
    ) held
    WHERE openly > 0 OR again >= :repetitions
    ON CONFLICT DO NOTHING RETURNING id
    """  # noqa: S608 - constants of this module
)
NO_LONGER_IMITATED = text(
    f"""
    SELECT a.id FROM fleet_alarm a JOIN meter m ON m.id = a.meter_id
    WHERE a.kind = '{Kind.IMITATED_METER}' AND a.state <> 'closed' AND NOT EXISTS (
        SELECT FROM quarantine q WHERE (q.manufacturer, q.serial) = (m.manufacturer, m.serial) AND {_LATELY})
    """  # noqa: S608 - constants of this module
)
