"""Messages in several frames, across batches, gateways, hub processes and keys that come late."""

import random
from datetime import timedelta
from decimal import Decimal

import pytest

from meterhub.access.principal import SYSTEM
from meterhub.assets.keys import add_key
from meterhub.ingest.retry import retry
from meterhub.wmbus import Address
from meterhub.wmbus.encode import DataRecord, ExtendedLink, Message, encode_fragments
from tests.ingest.test_service import NOW, PLAIN, SETTINGS, Hub

KEY = bytes(range(16))
METER = Address("SEN", "12345678", 0x68, 0x07)


def parts(litres):
    """Return a message with a year of month ends as the frames that carry it."""
    months = tuple(
        DataRecord(bytes((0x84 | (storage & 1) << 6, storage >> 1, 0x13)), Decimal(storage))
        for storage in range(1, 12)
    )
    message = Message(
        METER,
        (DataRecord.of("0413", Decimal(litres) / 1000),),
        mode=7,
        key=KEY,
        access_number=litres & 0xFF,
        message_counter=litres,
        extended=ExtendedLink(access_number=litres & 0xFF),
        plain_tail=months,
    )
    return [frame.hex() for frame in encode_fragments(message, 40)]


def at(seconds):
    return NOW + timedelta(seconds=seconds)


@pytest.fixture
def hub(engine):
    hub = Hub(engine)
    hub.meter = hub.register("SEN", "12345678", KEY.hex())
    return hub


def test_a_message_in_one_batch_becomes_one_read(hub):
    frames = parts(7000)
    assert len(frames) == 3
    assert hub.send(*((frame, at(2 * n)) for n, frame in enumerate(frames))) == (3, 0, 0)
    assert hub.reads() == [(hub.meter, 7_000_000)]
    assert not hub.held()
    assert hub.rows("SELECT at, raw_frame_id FROM register_read") == [(at(4), 3)]
    assert ("readings.rollup",) in hub.rows("SELECT task_name FROM procrastinate_jobs")


def test_parts_are_joined_across_batches_gateways_and_hub_processes_in_any_order(hub):
    frames = [(frame, at(5 * n)) for n, frame in enumerate(parts(7000))]
    other = Hub.beside(hub)
    assert hub.send(frames[2]) == (0, 0, 1)
    assert other.send(frames[0], gateway=2) == (0, 0, 1)
    assert hub.send(frames[0]) == (0, 1, 0)
    assert hub.held() == [("fragment", "12345678")] * 2
    assert other.send(frames[1], gateway=2) == (1, 0, 0)
    assert (hub.reads(), hub.held()) == ([(hub.meter, 7_000_000)], [])


def test_many_messages_shuffled_into_batches_give_each_read_once(hub):
    sent = [(frame, at(900 * n + 3 * k)) for n in range(8) for k, frame in enumerate(parts(7000 + n))]
    chance = random.Random(7)
    chance.shuffle(sent)
    sent += chance.sample(sent, 5)
    for first in range(0, len(sent), 4):
        hub.send(*sent[first : first + 4], gateway=1 + first % 2)
    assert sorted(volume for _, volume in hub.reads()) == [(7000 + n) * 1000 for n in range(8)]
    assert not hub.held()


def test_parts_that_are_never_completed_stay_and_harm_nobody(hub):
    hub.register("CEN", "12345678")
    first, _, _ = parts(7000)
    assert hub.send((first, at(0)), (PLAIN, at(1))) == (1, 0, 1)
    frames = parts(7001)
    assert hub.send(*((frame, at(3600 + n)) for n, frame in enumerate(frames))) == (3, 0, 0)
    assert hub.held() == [("fragment", "12345678")]


def test_a_message_whose_key_comes_late_is_read_then(engine):
    hub = Hub(engine)
    meter = hub.register("SEN", "12345678")
    hub.send(*((frame, at(n)) for n, frame in enumerate(parts(7000))))
    assert hub.held() == [("key-missing", "12345678")] * 3
    with engine.begin() as connection:
        add_key(connection, SYSTEM, SETTINGS, meter, KEY.hex())
    assert sum(step.read for step in retry(engine, SETTINGS, meter_id=meter)) == 3
    assert (hub.reads(), hub.held()) == ([(meter, 7_000_000)], [])


def test_a_message_sent_again_is_a_replay(hub):
    old, newer = parts(7000), parts(7005)
    hub.send(*((frame, at(n)) for n, frame in enumerate(old)))
    hub.send(*((frame, at(3600 + n)) for n, frame in enumerate(newer)))
    assert hub.send(*((frame, at(7200 + n)) for n, frame in enumerate(old))) == (0, 0, 3)
    assert {reason for reason, _ in hub.held()} == {"replayed"}
    assert [volume for _, volume in hub.reads()] == [7_000_000, 7_005_000]
