import csv
import io
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from meterhub.access.principal import SYSTEM
from meterhub.kit.table_files import Format
from meterhub.kit.units import ML_PER_M3
from meterhub.readings.export.queries import What
from meterhub.readings.export.service import prepare, write
from meterhub.readings.hourly import RegisterRead, hourly_volumes
from meterhub.readings.jobs import roll_up
from meterhub.readings.repository import NewRead, store_reads

START = datetime(2026, 3, 27, 22, tzinfo=UTC)


@pytest.mark.parametrize("zone", ["Europe/Helsinki", "UTC"])
def test_hours_days_and_reads_leave_both_stores_alike(store, zone):
    with store.begin() as connection:
        connection.execute(text("DELETE FROM metering_point"))
        connection.execute(
            text(
                "INSERT INTO property (property_code, street, postal_code, city) VALUES ('H', 's', '1', 'c') "
                "ON CONFLICT DO NOTHING"
            )
        )
        connection.execute(
            text(
                "WITH m AS (INSERT INTO meter (manufacturer, serial) VALUES ('KAM', '1') RETURNING id), "
                "p AS (INSERT INTO metering_point (point_code, property_id, services) "
                "SELECT 'P-1', min(id), '{water}' FROM property RETURNING id) "
                "INSERT INTO installation (meter_id, metering_point_id, valid) SELECT m.id, p.id, '[,)' FROM m, p"
            )
        )
        meter = connection.execute(text("SELECT id FROM meter")).scalar_one()
        store_reads(
            connection, [NewRead(meter, START + timedelta(minutes=50 * n), 777 * n * n) for n in range(150)]
        )
    list(roll_up(store))

    def exported(what):
        with store.begin() as connection:
            asked = prepare(
                connection,
                SYSTEM,
                what=what,
                form=Format.CSV,
                span=(date(2026, 3, 28), date(2026, 4, 2)),
                zone=ZoneInfo(zone),
                codes=[],
                purpose="test",
            )
        return list(csv.DictReader(io.StringIO(b"".join(write(store, asked)).decode())))

    hours, days, reads = (exported(what) for what in What)
    defined = hourly_volumes([RegisterRead(START + timedelta(minutes=50 * n), 777 * n * n) for n in range(150)])
    until = datetime(2026, 4, 2, tzinfo=ZoneInfo(zone))
    since = datetime(2026, 3, 28, tzinfo=ZoneInfo(zone))
    assert sum(int(day["hours"]) for day in days) == len(hours) > 100
    assert sum(Decimal(day["volume_m3"]) for day in days) == sum(Decimal(hour["volume_m3"]) for hour in hours)
    assert [Decimal(hour["volume_m3"]) * ML_PER_M3 for hour in hours] == [
        one.volume_ml for one in defined if since <= one.hour < until
    ]
    assert [datetime.fromisoformat(read["at_utc"]) for read in reads] == [
        at for n in range(150) if since <= (at := START + timedelta(minutes=50 * n)) < until
    ]
    assert [day["hours"] for day in days][:2] == (["24", "23"] if zone == "Europe/Helsinki" else ["24", "24"])
