"""Queries of self-reading."""

from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import Connection, text

from meterhub.kit.db import AnyRow

_REQUEST = """
    SELECT q.id, q.campaign_id, q.contract_id, q.reminded_on, q.answered_at, s.name AS campaign, s.due_on,
           s.secret, c.contract_no, c.metering_point_id, u.customer_no, u.name AS customer_name, u.street,
           u.postal_code, u.city, u.email, u.language, m.point_code, p.street AS premises, p.city AS premises_city
    FROM self_reading_request q
    JOIN self_reading_campaign s ON s.id = q.campaign_id
    JOIN contract c ON c.id = q.contract_id
    JOIN customer u ON u.id = c.customer_id
    JOIN metering_point m ON m.id = c.metering_point_id
    JOIN property p ON p.id = m.property_id
"""


def add_campaign(connection: Connection, values: dict[str, object]) -> int:
    """Store a campaign."""
    query = text(
        "INSERT INTO self_reading_campaign (name, asked_on, due_on, secret, created_by) "
        "VALUES (:name, :asked, :due, :secret, :by) RETURNING id"
    )
    return int(connection.execute(query, values).scalar_one())


def add_requests(
    connection: Connection, campaign_id: int, on: date, group: str | None, read_before: datetime
) -> Sequence[int]:
    """Ask the contracts of a group (or all) whose meters nobody has read since a time; return the requests."""
    values = {"campaign": campaign_id, "on": on, "group": group, "before": read_before}
    return connection.execute(_ASK, values).scalars().all()


def set_codes(connection: Connection, request_ids: Sequence[int], hashes: Sequence[bytes]) -> None:
    """Store the hashes of codes."""
    query = text(
        "UPDATE self_reading_request q SET code_hash = new.hash "
        "FROM unnest(CAST(:ids AS int[]), CAST(:hashes AS bytea[])) AS new (id, hash) WHERE q.id = new.id"
    )
    connection.execute(query, {"ids": list(request_ids), "hashes": list(hashes)})


def campaigns(connection: Connection, *, before_id: int | None = None, limit: int = 50) -> Sequence[AnyRow]:
    """Return campaigns with how many were asked, reminded, and have answered, newest first."""
    return connection.execute(_CAMPAIGNS, {"before": before_id, "limit": limit}).all()


def requests(
    connection: Connection, campaign_id: int, *, open_only: bool, after_id: int | None, limit: int
) -> Sequence[AnyRow]:
    """Return whom a campaign asked, in order."""
    query = text(
        f"{_REQUEST} WHERE q.campaign_id = :id AND q.id > coalesce(:after, 0) "
        "AND (NOT :open OR q.answered_at IS NULL) ORDER BY q.id LIMIT :limit"
    )
    values = {"id": campaign_id, "after": after_id, "open": open_only, "limit": limit}
    return connection.execute(query, values).all()


def by_code(connection: Connection, code_hash: bytes, *, lock: bool = False) -> AnyRow | None:
    """Return the request of a code, or None."""
    query = text(f"{_REQUEST} WHERE q.code_hash = :hash {'FOR NO KEY UPDATE OF q' if lock else ''}")
    return connection.execute(query, {"hash": code_hash}).one_or_none()


def contract(connection: Connection, contract_no: str) -> AnyRow | None:
    """Return a contract with its point, locked against other reports, or None."""
    query = text(
        "SELECT c.id AS contract_id, c.contract_no, c.metering_point_id, m.point_code FROM contract c "
        "JOIN metering_point m ON m.id = c.metering_point_id WHERE c.contract_no = :no FOR NO KEY UPDATE OF c"
    )
    return connection.execute(query, {"no": contract_no}).one_or_none()


def meter_at(connection: Connection, point_id: int, at: datetime) -> AnyRow | None:
    """Return the meter at a point at a time with its last read, or None."""
    return connection.execute(_METER, {"point": point_id, "at": at}).one_or_none()


def annual_m3(connection: Connection, contract_id: int, on: date) -> object:
    """Return the expected use of a year, or None."""
    return connection.execute(_ANNUAL, {"id": contract_id, "on": on}).scalar_one_or_none()


def reports_of_request(connection: Connection, request_id: int) -> int:
    """Return how often somebody reported on a request."""
    query = text("SELECT count(*) FROM self_reading_report WHERE request_id = :id")
    return int(connection.execute(query, {"id": request_id}).scalar_one())


def add_report(connection: Connection, values: dict[str, object]) -> None:
    """Store a report."""
    connection.execute(
        text(
            "INSERT INTO self_reading_report "
            "(contract_id, request_id, read_on, volume_ml, verdict, confirmed, taken, reported_by) "
            "VALUES (:contract, :request, :on, :volume, :verdict, :confirmed, :taken, :by)"
        ),
        values,
    )


def answered(connection: Connection, contract_id: int, at: datetime) -> None:
    """Note that all open requests of a contract have their answer."""
    connection.execute(
        text("UPDATE self_reading_request SET answered_at = :at WHERE contract_id = :id AND answered_at IS NULL"),
        {"id": contract_id, "at": at},
    )


def remind(connection: Connection, campaign_id: int, on: date) -> int:
    """Note that all who have not answered were reminded; each once."""
    query = text(
        "UPDATE self_reading_request SET reminded_on = :on "
        "WHERE campaign_id = :id AND answered_at IS NULL AND reminded_on IS NULL"
    )
    return connection.execute(query, {"id": campaign_id, "on": on}).rowcount


_ASK = text(
    """
    INSERT INTO self_reading_request (campaign_id, contract_id)
    SELECT :campaign, c.id FROM contract c
    JOIN installation i ON i.metering_point_id = c.metering_point_id AND upper_inf(i.valid)
    WHERE c.valid @> CAST(:on AS date) AND (CAST(:group AS text) IS NULL OR c.billing_group = :group)
        AND NOT EXISTS (SELECT 1 FROM counted_read r WHERE r.meter_id = i.meter_id AND r.at >= :before)
    ORDER BY c.id
    RETURNING id
    """
)
_CAMPAIGNS = text(
    """
    SELECT s.id, s.name, s.asked_on, s.due_on, s.created_at, s.created_by, count(q.id) AS asked,
           count(q.reminded_on) AS reminded, count(q.answered_at) AS answered
    FROM self_reading_campaign s LEFT JOIN self_reading_request q ON q.campaign_id = s.id
    WHERE s.id < coalesce(:before, s.id + 1)
    GROUP BY s.id ORDER BY s.id DESC LIMIT :limit
    """
)
_METER = text(
    """
    SELECT i.meter_id, m.manufacturer, m.serial, m.digits, r.at AS last_at, r.volume_ml AS last_ml
    FROM installation i JOIN meter m ON m.id = i.meter_id
    LEFT JOIN LATERAL (SELECT at, volume_ml FROM counted_read WHERE meter_id = i.meter_id
                       ORDER BY at DESC, id DESC LIMIT 1) r ON true
    WHERE i.metering_point_id = :point AND i.valid @> CAST(:at AS timestamptz)
    """
)
_ANNUAL = text(
    "SELECT coalesce(annual_m3, basis * factor) FROM annual_volume WHERE contract_id = :id AND valid_from <= :on "
    "ORDER BY valid_from DESC, id DESC LIMIT 1"
)
