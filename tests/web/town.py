"""A small town with everything that pages show, at a fixed instant."""

import random
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import Engine, text

from meterhub.access import service as access
from meterhub.access.principal import SYSTEM
from meterhub.alerts.jobs import detect
from meterhub.ingest.decoding import Reason
from meterhub.readings.jobs import roll_up
from meterhub.readings.repository import NewRead, store_reads
from meterhub.settings import Settings
from tests.alerts.homes import DAY_S, START_S, a_home
from tests.alerts.stored import store_point, utc
from tests.billing.service.town import Town

DAYS = 35
NOW = utc(START_S + DAYS * DAY_S + 1800)
PASSWORD = "correct horse battery"
USERS = {"ada": ("admin",), "bo": ("billing",), "olga": ("operations",), "rita": ("read-only",)}
LEAKY, BURST, SILENT = "P-00001", "P-00002", "P-00003"


@dataclass(frozen=True)
class SeededTown:
    settings: Settings
    invoice: str
    leak_alert: int
    customer: str = "Maija Mallinen"


def settings() -> Settings:
    return Settings(secure_cookies=False, master_key="11" * 32, session_hours=10**5)


def add_users(engine: Engine) -> None:
    with engine.begin() as connection:
        for name, roles in USERS.items():
            access.create_user(
                connection, SYSTEM, username=name, display_name=name, roles=roles, password=PASSWORD
            )


def seed(engine: Engine, *, homes: int = 7) -> SeededTown:
    """Fill a database: homes with a leak, a burst and a silent meter, alerts, an invoice, quarantine."""
    add_users(engine)
    meters = []
    with engine.begin() as connection:
        for number in range(homes):
            home = a_home(DAYS, number)
            code = f"P-{number:05}"
            if code == LEAKY:
                home = home.with_flow(26 * 24, DAYS * 24, 18)
            if code == BURST:
                home = home.with_flow(30 * 24 + 3, 30 * 24 + 11, 800)
            meters.append(store_point(connection, number))
            reads = home.reads()[: 20 * 24] if code == SILENT else home.reads()
            store_reads(
                connection,
                [
                    NewRead(
                        meters[-1],
                        utc(at_s),
                        ml,
                        alarms=("leak",) if code == LEAKY and at_s > reads[-48][0] else (),
                    )
                    for at_s, ml in reads
                ],
            )
    _traffic(engine)
    house = _invoice(engine)
    changed: set[int] = set()
    for step in roll_up(engine):
        changed |= set(step.changed_from)
    detect(engine, settings(), sorted(changed), NOW)
    with engine.connect() as connection:
        alert_id = connection.execute(text("SELECT id FROM alert WHERE kind = 'continuous-flow'")).scalar_one()
    return SeededTown(settings(), house, alert_id)


def _invoice(engine: Engine) -> str:
    town = Town(engine)
    first, last = date(2025, 10, 1), date(2026, 1, 1)
    house = town.house((utc(START_S - 92 * DAY_S), "1000.000"), (utc(START_S), "1042.000"))
    town.bill(period=(first, last), issued_on=date(2026, 1, 10))
    return town.invoice(house).number


def _traffic(engine: Engine) -> None:
    """Deliveries of three gateways, and frames that could not be read."""
    rng = random.Random(5)
    with engine.begin() as connection:
        for name, place, minutes in (
            ("tower-north", "Water tower", 2),
            ("school-roof", "School", 12),
            ("harbour", "Pier", 900),
        ):
            access.enrol_gateway(connection, SYSTEM, name, place)
            connection.execute(
                text("UPDATE gateway SET last_seen_at = :at, spool_depth = :depth WHERE name = :name"),
                {"name": name, "at": NOW - timedelta(minutes=minutes), "depth": minutes // 10},
            )
            for back in (0, 1):
                connection.execute(
                    text(
                        "INSERT INTO gateway_day SELECT id, :day, 4210, 3902, 290, 15, 3 "
                        "FROM gateway WHERE name = :name"
                    ),
                    {"name": name, "day": NOW.date() - timedelta(days=back)},
                )
        for number in range(60):
            frame_id = connection.execute(
                text(
                    "INSERT INTO raw_frame (fingerprint, received_at, gateway_id, rssi_dbm, link_mode, frame) "
                    "SELECT :n, :at, min(id), -80, 'T1', :frame FROM gateway RETURNING id"
                ),
                {"n": number, "at": NOW - timedelta(minutes=number), "frame": rng.randbytes(60)},
            ).scalar_one()
            reason = (Reason.KEY_MISSING, Reason.KEY_WRONG, Reason.UNKNOWN_METER)[number % 3]
            connection.execute(
                text(
                    "INSERT INTO quarantine (raw_frame_id, reason, detail, manufacturer, serial) "
                    "VALUES (:id, :reason, :detail, 'KAM', :serial)"
                ),
                {
                    "id": frame_id,
                    "reason": reason,
                    "detail": "security mode 5",
                    "serial": f"{77_000_000 + number}",
                },
            )
