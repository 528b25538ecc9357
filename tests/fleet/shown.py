"""A fleet to look at: three gateways with a week of history, alarms, and a day of coverage."""

from datetime import datetime, timedelta
from math import sin

from sqlalchemy import Engine, text

from meterhub.fleet.alarms import watch
from meterhub.fleet.coverage import measure
from tests.fleet.reports import a_report
from tests.fleet.town import a_meter, hear

STREETS = ["Koivukuja", "Rantatie", "Asemakatu", "Kirkkotie"]


def show_fleet(hub, now: datetime) -> None:
    """Have gateways report, fall silent and hear meters until `now`."""
    engine: Engine = hub.engine
    gateways = {name: hub.gateway(name) for name in ("tower-north", "school-roof", "pumping-station")}
    for number, (name, client) in enumerate(gateways.items()):
        sent_at = now - timedelta(hours=5) if name == "school-roof" else now
        spool = {"depth": 120 * number, "used_bytes": 2**20 * (1 + 400 * number)}
        for heard in (1000, 1000 + 60 * (number + 1)):
            body = a_report(sent_at, heard=heard, noise=17, spool=spool)
            assert client.post("/api/v1/gateway/report", json=body).status_code == 200
    with engine.begin() as connection:
        ids = dict(
            connection.execute(
                text("SELECT name, id FROM gateway WHERE name = ANY(:n)"), {"n": list(gateways)}
            ).all()
        )
        connection.execute(text("DELETE FROM gateway_hour"))
        hour = now.replace(minute=0, second=0, microsecond=0)
        for number, gateway_id in enumerate(ids.values()):
            for back in range(7 * 24):
                if number == 2 and back < 20:
                    continue
                values = {
                    "g": gateway_id,
                    "h": hour - timedelta(hours=back),
                    "n": int(900 + 400 * sin(back / 4 + number)),
                }
                connection.execute(
                    text("INSERT INTO gateway_hour VALUES (:g, :h, 60, :n, :n / 90, 0, 0, :n / 5, 1e10, 0.1)"),
                    values,
                )
        connection.execute(
            text("UPDATE gateway SET last_seen_at = :at WHERE name = 'pumping-station'"),
            {"at": now - timedelta(hours=20)},
        )
        day = (now - timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        for number in range(48):
            street = f"{STREETS[number % 4]} {number + 1}"
            meter = a_meter(connection, street=street, installed_at=day - timedelta(days=30))
            if number == 47:
                continue
            for hour_number in range(24):
                receptions = [
                    (gateway_id, -50 - (number * (place + 3) * 7) % 60)
                    for place, gateway_id in enumerate(ids.values())
                    if (number + hour_number * (place + 1)) % (place + 2 + number % 4) == 0
                ]
                if receptions:
                    hear(connection, meter, day + timedelta(hours=hour_number), *receptions)
        measure(connection, day.date(), now)
    watch(engine, now)
