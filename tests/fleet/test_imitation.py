"""A meter that sends openly despite its key, or what was sent before, is alarmed."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import text

from meterhub.fleet.alarms import list_alarms, watch
from meterhub.wmbus import Address
from meterhub.wmbus.encode import DataRecord, Message, encode
from tests.ingest.test_service import Hub

KEY = bytes(range(16))
METER = Address("SEN", "10000001", 0x68, 0x07)


def telegram(litres, key=KEY):
    records = (DataRecord.of("0413", Decimal(litres) / 1000),)
    return encode(Message(METER, records, mode=5 if key else 0, key=key, access_number=litres % 256)).hex()


@pytest.fixture
def hub(engine):
    hub = Hub(engine)
    hub.register("SEN", "10000001", KEY.hex())
    return hub


def look(hub, now):
    """Have the hub look, and return the alarms of this kind that are not closed."""
    watch(hub.engine, now)
    with hub.engine.connect() as connection:
        return [(row.meter, row.detail) for row in list_alarms(connection, kind="imitated-meter", limit=10)]


def test_a_meter_with_a_key_that_sends_openly_is_alarmed_once_until_it_stops(hub):
    now = datetime.now(UTC)
    assert hub.send((telegram(1000), now - timedelta(hours=3)), (telegram(1001, None), now)) == (1, 0, 1)
    alarm = ("SEN 10000001", "1 telegrams sent openly despite a key, 0 sent again, within a day")
    assert look(hub, now) == [alarm]
    assert look(hub, now) == [alarm]
    assert look(hub, now + timedelta(hours=25)) == []


def test_telegrams_sent_again_are_alarmed_unless_a_gateway_with_a_wrong_clock_brings_them(hub):
    now = datetime.now(UTC)
    sent = [(telegram(1000 + n), now - timedelta(hours=20 - n)) for n in range(6)]
    assert hub.send(*sent)[0] == 6
    assert hub.send(*((frame, at + timedelta(hours=10)) for frame, at in sent[:3]), gateway=2) == (0, 0, 3)
    with hub.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO fleet_alarm (kind, gateway_id, severity, raised_at, detail) "
                "VALUES ('clock-wrong', 2, 'high', now(), '')"
            )
        )
    hub.send(*((frame, at + timedelta(hours=11)) for frame, at in sent[:2]))  # too few to say anything
    assert look(hub, now) == []
    hub.send((sent[0][0], now - timedelta(hours=1)))
    assert look(hub, now) == [
        ("SEN 10000001", "0 telegrams sent openly despite a key, 3 sent again, within a day")
    ]


def test_copies_by_a_gateway_whose_clock_is_a_little_behind_are_no_imitation(hub):
    now = datetime.now(UTC)
    sent = [(telegram(1000 + n), now - timedelta(hours=20, seconds=-20 * n)) for n in range(6)]
    assert hub.send(*sent)[0] == 6
    copies = [(frame, at + timedelta(seconds=45)) for frame, at in sent]
    assert hub.send(*copies, gateway=2)[2] >= 3
    assert look(hub, now) == []
    hub.send(*((sent[n][0], now - timedelta(hours=3 - n)) for n in range(3)))
    assert len(look(hub, now)) == 1
