"""What was heard in a span, as JSON lines that `meterhub replay` takes: one line a reception."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime

from sqlalchemy import Engine, text

from meterhub.access.audit import record
from meterhub.access.principal import Principal

_ROWS_AT_ONCE = 2000
_RECEPTIONS = text(
    """
    SELECT g.name, f.frame, f.received_at, f.rssi_dbm, f.link_mode
    FROM raw_frame AS f JOIN gateway AS g ON g.id = f.gateway_id
    WHERE f.received_at >= :since AND f.received_at < :until
        AND (CAST(:gateway AS text) IS NULL OR g.name = :gateway)
    UNION ALL
    SELECT g.name, f.frame, h.received_at, h.rssi_dbm, f.link_mode
    FROM frame_heard AS h JOIN raw_frame AS f ON f.id = h.raw_frame_id JOIN gateway AS g ON g.id = h.gateway_id
    WHERE h.received_at >= :since AND h.received_at < :until
        AND (CAST(:gateway AS text) IS NULL OR g.name = :gateway)
    ORDER BY received_at
    """
)


def export_capture(
    engine: Engine, principal: Principal, *, since: datetime, until: datetime, gateway: str | None = None
) -> Iterator[str]:
    """Yield the receptions of `[since, until)` in order of time, each as a line; the export is on record."""
    span = {"from": since.isoformat(), "until": until.isoformat()}
    with engine.begin() as connection:
        subject = f"gateway:{gateway}" if gateway else ""
        record(connection, principal, action="export-capture", purpose="operations", subject=subject, detail=span)
    with engine.connect() as connection:
        streaming = connection.execution_options(stream_results=True, yield_per=_ROWS_AT_ONCE)
        values = {"since": since, "until": until, "gateway": gateway}
        for row in streaming.execute(_RECEPTIONS, values):
            item = {
                "gateway": row.name,
                "frame": bytes(row.frame).hex().upper(),
                "received_at": row.received_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
                "rssi_dbm": row.rssi_dbm,
                "link_mode": row.link_mode,
            }
            yield json.dumps(item, separators=(",", ":"))
