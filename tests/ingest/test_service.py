import math
import random
import struct
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from meterhub.access.principal import SYSTEM
from meterhub.access.service import enrol_gateway
from meterhub.assets.keys import add_key
from meterhub.ingest import holds, repository
from meterhub.ingest.batch import Heard
from meterhub.ingest.registry import RegistryCache
from meterhub.ingest.retry import retry
from meterhub.ingest.service import Memory, Sender, accept_batch
from meterhub.settings import Settings
from meterhub.wmbus import Address, FormatStore, strip_crc
from meterhub.wmbus.crc import crc16
from meterhub.wmbus.encode import DataRecord, Message, encode

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SETTINGS = Settings(master_key="11" * 32, zone="Europe/Helsinki")

# The published examples of EN 13757 and OMS (Volume 2, annexes): plain, mode 5, mode 7, Kamstrup full and compact.
PLAIN = "0F44AE0C7856341201074447780B134365871E6D"
MODE_5 = (
    "2E44931578563412330333637A2A0020255923C95AAA26D1B2E7493BC2AD013EC4A6F6D3529B520EDFF0EA6DEFC955B2"
    "9D6D69EBF3EC8A"
)
MODE_5_KEY = "0102030405060708090A0B0C0D0E0F11"
FULL = "2A442D2C998734761B168D2091D37CAC21576C7802FF207100041308190000441308190000615B7F616713"
COMPACT = "23442D2C998734761B168D2087D19EAD217F1779EDA86AB6710008190000081900007F13"

# A layout that is not shipped with the decoder.
OURS = Message(
    Address("SEN", "10000001", 0x68, 0x07),
    (DataRecord.of("0413", Decimal("1.234")), DataRecord.of("426C", date(2026, 1, 31))),
)
FULL_OF_OURS, COMPACT_OF_OURS = (encode(one).hex() for one in (OURS, replace(OURS, compact=True)))


class Hub:
    """A database with two gateways, and what it takes to hand batches in."""

    def __init__(self, engine):
        self.engine = engine
        self.memory = Memory(FormatStore(), RegistryCache())
        with engine.begin() as connection:
            for name in ("north", "south"):
                enrol_gateway(connection, SYSTEM, name)

    @classmethod
    def beside(cls, other):
        """Return another process on the same database."""
        hub = cls.__new__(cls)
        hub.engine, hub.memory = other.engine, Memory(FormatStore(), RegistryCache())
        return hub

    def register(self, manufacturer, serial, key=None):
        with self.engine.begin() as connection:
            meter_id = connection.execute(
                text("INSERT INTO meter (manufacturer, serial) VALUES (:m, :s) RETURNING id"),
                {"m": manufacturer, "s": serial},
            ).scalar_one()
            if key:
                add_key(connection, SYSTEM, SETTINGS, meter_id, key)
        return meter_id

    def send(self, *frames, gateway=1, now=NOW):
        heard = [Heard(n, bytes.fromhex(frame), at, -70 - n, "T1") for n, (frame, at) in enumerate(frames)]
        result = accept_batch(self.engine, SETTINGS, self.memory, Sender(gateway), heard, [], now=now)
        return result.accepted, result.duplicates, result.quarantined

    def rows(self, query):
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(query))]

    def held(self):
        return self.rows("SELECT reason, serial FROM quarantine WHERE resolved_at IS NULL ORDER BY raw_frame_id")

    def reads(self):
        return self.rows("SELECT meter_id, volume_ml FROM register_read ORDER BY id")


@pytest.fixture
def hub(engine):
    return Hub(engine)


def test_a_plain_telegram_of_a_registered_meter_becomes_a_read(hub):
    meter = hub.register("CEN", "12345678")
    assert hub.send((PLAIN, NOW)) == (1, 0, 0)
    assert hub.reads() == [(meter, 876_543_000)]
    assert hub.rows("SELECT encode(frame, 'hex'), rssi_dbm FROM raw_frame") == [(PLAIN.lower(), -70)]
    assert hub.rows("SELECT meter_id, from_at, until_at FROM rollup_due") == [(meter, NOW, NOW)]
    assert ("readings.rollup",) in hub.rows("SELECT task_name FROM procrastinate_jobs")


def test_an_encrypted_telegram_is_opened_with_the_key_in_custody(hub):
    meter = hub.register("ELS", "12345678", MODE_5_KEY)
    assert hub.send((MODE_5, NOW)) == (1, 0, 0)
    assert hub.reads() == [(meter, 28_504_270_000)]


def test_a_compact_frame_is_read_with_the_layout_of_the_full_one(hub):
    meter = hub.register("KAM", "76348799")
    assert hub.send((FULL, NOW), (COMPACT, NOW + timedelta(seconds=16))) == (2, 0, 0)
    assert hub.reads() == [(meter, 6_408_000)] * 2
    assert hub.rows("SELECT alarms FROM register_read LIMIT 1") == [(["dry"],)]


def test_a_trimmed_frame_that_happens_to_end_like_one_with_a_crc_is_read_as_it_is(hub):
    meter = hub.register("SEN", "10000001")
    records = (DataRecord.of("0413", Decimal("1.234")), DataRecord.of("02FD17", b"\0\0"))
    frame = encode(Message(Address("SEN", "10000001", 0x68, 0x07), records))
    tail = frame[:-2] + crc16(frame[:-2]).to_bytes(2, "big")  # the status bits look like a CRC
    assert strip_crc(tail).format == "B"
    assert hub.send((tail.hex(), NOW)) == (1, 0, 0)
    assert hub.reads() == [(meter, 1_234_000)]


def test_the_same_batch_twice_is_once(hub):
    hub.register("CEN", "12345678")
    assert hub.send((PLAIN, NOW)) == (1, 0, 0)
    assert hub.send((PLAIN, NOW)) == (0, 1, 0)
    assert len(hub.reads()) == 1
    assert hub.rows("SELECT received, accepted, duplicates FROM gateway_day") == [(2, 1, 1)]


def test_two_gateways_that_hear_one_transmission_make_one_read_and_both_are_noted(hub):
    hub.register("CEN", "12345678")
    assert hub.send((PLAIN, NOW)) == (1, 0, 0)
    trimmed = "0F44AE0C7856341201 07780B13436587".replace(" ", "")
    assert hub.send((trimmed, NOW + timedelta(seconds=3)), gateway=2) == (0, 1, 0)
    assert hub.send((trimmed, NOW + timedelta(seconds=3)), gateway=2) == (0, 1, 0)
    assert len(hub.reads()) == 1
    assert hub.rows("SELECT gateway_id FROM frame_heard") == [(2,)]


def test_the_same_bytes_after_the_window_are_a_new_transmission(hub):
    hub.register("CEN", "12345678")
    assert hub.send((PLAIN, NOW), (PLAIN, NOW + timedelta(seconds=20))) == (1, 1, 0)
    assert hub.send((PLAIN, NOW + timedelta(hours=1))) == (1, 0, 0)
    assert len(hub.reads()) == 2


def test_frames_that_cannot_be_read_wait_with_the_reason_and_the_batch_goes_on(hub):
    meter = hub.register("CEN", "12345678")
    hub.register("KAM", "76348799", "22" * 16)
    hub.register("ELS", "12345678")
    damaged = PLAIN[:30] + "00" + PLAIN[32:]
    other = "24442D2C692845631B168D3050209CD621B006B1140AEF4953AE5B86FAFC0B00E70705B846"
    assert hub.send((damaged, NOW), (other, NOW), (MODE_5, NOW), (PLAIN, NOW), ("00", NOW)) == (1, 0, 4)
    assert hub.reads() == [(meter, 876_543_000)]
    assert hub.held() == [
        ("damaged", None),
        ("unknown-meter", "63452869"),
        ("key-missing", "12345678"),
        ("damaged", None),
    ]


@pytest.mark.parametrize(
    ("dif_vif", "value"),
    [
        ("0713", (2**62).to_bytes(8, "little")),
        ("0717", (2**63).to_bytes(8, "little")),  # the largest negative number
        ("0513", struct.pack("<f", 3e38)),
        ("0513", struct.pack("<f", math.inf)),
        ("0513", struct.pack("<f", math.nan)),
    ],
)
def test_a_register_that_no_meter_can_have_is_held_and_the_batch_goes_on(hub, dif_vif, value):
    hub.register("SEN", "10000001")
    meter = hub.register("CEN", "12345678")
    absurd = encode(Message(Address("SEN", "10000001", 0x68, 0x07), (DataRecord.of(dif_vif, value),)))
    assert hub.send((absurd.hex(), NOW), (PLAIN, NOW)) == (1, 0, 1)
    assert hub.held() == [("undecodable", "10000001")]
    assert hub.reads() == [(meter, 876_543_000)]
    assert [(step.tried, step.read) for step in retry(hub.engine, SETTINGS)] == [(1, 0)]


def test_a_meter_without_a_key_lacks_one_also_where_its_family_has_a_published_one(hub):
    meter = hub.register("DME", "10000001")
    records = (DataRecord.of("0413", Decimal("1.234")),)
    sent = Message(Address("DME", "10000001", 0x70, 0x07), records, mode=7, key=bytes(16), message_counter=7)
    assert hub.send((encode(sent).hex(), NOW)) == (0, 0, 1)
    assert hub.held() == [("key-missing", "10000001")]
    with hub.engine.begin() as connection:
        add_key(connection, SYSTEM, SETTINGS, meter, "FF" * 16)
    assert [(step.tried, step.read) for step in retry(hub.engine, SETTINGS)] == [(1, 0)]
    assert hub.held() == [("key-wrong", "10000001")]


def test_held_frames_are_read_when_the_key_arrives_even_after_a_wrong_one(hub):
    meter = hub.register("ELS", "12345678", "FF" * 16)
    assert hub.send((MODE_5, NOW)) == (0, 0, 1)
    assert hub.held() == [("key-wrong", "12345678")]
    with hub.engine.begin() as connection:
        add_key(connection, SYSTEM, SETTINGS, meter, MODE_5_KEY)
    assert [(step.tried, step.read) for step in retry(hub.engine, SETTINGS, meter_id=meter)] == [(1, 1)]
    assert hub.reads() == [(meter, 28_504_270_000)]
    assert hub.held() == []
    assert list(retry(hub.engine, SETTINGS)) == []


def test_an_older_telegram_is_read_with_the_key_of_its_time(hub):
    meter = hub.register("ELS", "12345678", MODE_5_KEY)
    with hub.engine.begin() as connection:
        add_key(connection, SYSTEM, SETTINGS, meter, "AB" * 16)
    assert hub.send((MODE_5, NOW)) == (1, 0, 0)


def test_a_meter_with_a_key_that_suddenly_speaks_openly_is_not_believed(hub):
    hub.register("CEN", "12345678", MODE_5_KEY)
    assert hub.send((PLAIN, NOW)) == (0, 0, 1)
    assert hub.held() == [("downgraded", "12345678")]
    assert hub.reads() == []


def test_a_retry_in_vain_keeps_the_frame_and_counts_the_try(hub):
    hub.register("ELS", "12345678")
    hub.send((MODE_5, NOW), ("00" * 12, NOW))
    assert [(s.tried, s.read) for s in retry(hub.engine, SETTINGS)] == [(2, 0)]
    assert hub.rows("SELECT reason, tries FROM quarantine ORDER BY 1") == [("damaged", 2), ("key-missing", 2)]


def test_an_empty_batch_is_a_sign_of_life(hub):
    assert hub.send() == (0, 0, 0)
    assert hub.rows("SELECT last_seen_at FROM gateway WHERE id = 1") == [(NOW,)]


def test_many_gateways_at_once_with_overlap_and_disorder_store_each_transmission_once(hub):
    hub.register("CEN", "12345678")
    rng = random.Random(7)
    transmissions = [NOW + timedelta(minutes=n) for n in range(40)]

    def gateway(number):
        for start in range(0, 40, 10):
            times = [t + timedelta(seconds=rng.random() * 5) for t in transmissions[start : start + 10]]
            rng.shuffle(times)
            hub.send(*[(PLAIN, t) for t in times], gateway=1 + number % 2)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(gateway, range(4)))
    assert len(hub.reads()) == len(transmissions)
    assert hub.rows("SELECT sum(accepted), sum(duplicates), sum(received) FROM gateway_day") == [(40, 120, 160)]


def test_what_a_hub_remembers_of_meters_and_keys_is_never_old(hub):
    assert hub.send((MODE_5, NOW)) == (0, 0, 1)
    meter = hub.register("ELS", "12345678")
    assert hub.send((MODE_5, NOW + timedelta(hours=1))) == (0, 0, 1)
    with hub.engine.begin() as connection:
        add_key(connection, SYSTEM, SETTINGS, meter, MODE_5_KEY)
        assert hub.send((MODE_5, NOW + timedelta(hours=2))) == (0, 0, 1)  # not committed yet
    assert hub.send((MODE_5, NOW + timedelta(hours=3))) == (1, 0, 0)
    assert [reason for reason, _ in hub.held()] == ["unknown-meter", "key-missing", "key-missing"]


def test_a_meter_that_only_says_that_it_lives_is_heard_without_a_read(hub):
    hub.register("CEN", "12345678", MODE_5_KEY)
    access_number_only = "0947AE0C7856341201" + "07"
    assert hub.send((access_number_only, NOW)) == (1, 0, 0)
    assert (hub.reads(), hub.held()) == ([], [])


def test_a_full_memory_of_meters_forgets_and_goes_on(hub):
    hub.memory = Memory(FormatStore(), RegistryCache(limit=1))
    hub.register("CEN", "12345678")
    hub.register("ELS", "12345678", MODE_5_KEY)
    for hour in range(3):
        at = NOW + timedelta(hours=hour)
        assert hub.send((PLAIN, at), (MODE_5, at)) == (2, 0, 0)


def test_a_batch_is_stored_as_a_whole_or_not_at_all(hub, monkeypatch):
    hub.register("CEN", "12345678")

    def power_cut(*_):
        raise RuntimeError("the power is gone")

    monkeypatch.setattr("meterhub.ingest.service.store_reads", power_cut)
    with pytest.raises(RuntimeError):
        hub.send((PLAIN, NOW), ("00", NOW))
    assert hub.rows("SELECT count(*) FROM raw_frame") == [(0,)]
    assert hub.rows("SELECT count(*) FROM quarantine") == [(0,)]


def test_a_layout_learned_by_a_batch_that_failed_is_kept_by_the_next_one(hub, monkeypatch):
    hub.register("SEN", "10000001")
    with monkeypatch.context() as patched:
        patched.setattr("meterhub.ingest.service.store_reads", lambda *_: 1 // 0)
        with pytest.raises(ZeroDivisionError):
            hub.send((FULL_OF_OURS, NOW))
    assert hub.send((FULL_OF_OURS, NOW)) == (1, 0, 0)
    assert len(hub.rows("SELECT signature FROM frame_format")) == 1


def test_a_layout_that_another_hub_process_learned_is_known(hub):
    hub.register("SEN", "10000001")
    elsewhere = Hub.beside(hub)
    assert elsewhere.send((FULL_OF_OURS, NOW)) == (1, 0, 0)
    assert hub.send((COMPACT_OF_OURS, NOW + timedelta(seconds=16))) == (1, 0, 0)


def test_a_compact_frame_that_was_held_before_its_full_one_is_read_too_once_the_meter_is_known(hub):
    assert hub.send((COMPACT_OF_OURS, NOW), (FULL_OF_OURS, NOW + timedelta(seconds=16))) == (0, 0, 2)
    meter = hub.register("SEN", "10000001")
    assert [(step.tried, step.read) for step in retry(hub.engine, SETTINGS, meter_id=meter)] == [(2, 1)]
    assert hub.held() == [("format-unknown", "10000001")]
    assert [(step.tried, step.read) for step in retry_as_queued(hub)] == [(1, 1)]
    assert hub.held() == []


def test_a_key_that_arrives_while_a_batch_is_under_way_opens_it_all_the_same(hub, monkeypatch):
    meter = hub.register("ELS", "12345678")
    lock = repository.lock

    def key_arrives_and_is_used(connection):
        monkeypatch.setattr(repository, "lock", lock)
        with hub.engine.begin() as other:
            add_key(other, SYSTEM, SETTINGS, meter, MODE_5_KEY)
        assert retry_as_queued(hub) == []  # nothing is held yet
        lock(connection)

    monkeypatch.setattr(repository, "lock", key_arrives_and_is_used)
    assert hub.send((MODE_5, NOW)) == (0, 0, 1)
    assert [step.read for step in retry_as_queued(hub)] == [1]
    assert hub.reads() == [(meter, 28_504_270_000)]


def test_a_retry_waits_for_the_batch_that_is_just_being_stored(hub):
    meter = hub.register("ELS", "12345678", MODE_5_KEY)
    with ThreadPoolExecutor(1) as thread, hub.engine.begin() as connection:
        repository.lock(connection)
        retried = thread.submit(lambda: list(retry(hub.engine, SETTINGS, meter_id=meter)))
        with pytest.raises(TimeoutError):
            retried.result(0.3)
        ((frame,),) = connection.execute(
            text(
                "INSERT INTO raw_frame (fingerprint, received_at, gateway_id, frame) "
                "VALUES (1, :at, 1, decode(:frame, 'hex')) RETURNING id"
            ),
            {"at": NOW, "frame": MODE_5},
        ).all()
        hold = holds.NewHold(frame, "key-missing", "", "ELS", "12345678")
        holds.store_holds(connection, [hold])
        connection.commit()
        assert [step.read for step in retried.result(30)] == [1]


def retry_as_queued(hub):
    """Do what a worker would do with the retries that are queued; return the steps."""
    with hub.engine.begin() as connection:
        jobs = connection.execute(
            text("DELETE FROM procrastinate_jobs WHERE task_name = 'ingest.retry' RETURNING args")
        ).scalars()
    return [step for args in jobs for step in retry(hub.engine, SETTINGS, **args)]


def test_every_reason_has_a_next_step():
    from meterhub.ingest.decoding import NEXT_STEP, Reason

    assert set(NEXT_STEP) == set(Reason)


@pytest.mark.parametrize("registered_as", ["link", "transport"])
def test_a_held_frame_is_read_whichever_of_its_addresses_is_registered(hub, registered_as):
    link, transport = Address("SEN", "10000001", 0x68, 0x07), Address("ITW", "20000002", 0x03, 0x07)
    records = (DataRecord.of("0413", Decimal("1.234")),)
    frame = encode(Message(link, records, header="long", meter=transport)).hex()
    assert hub.send((frame, NOW)) == (0, 0, 1)
    address = link if registered_as == "link" else transport
    meter = hub.register(address.manufacturer, address.serial)
    assert sum(step.read for step in retry(hub.engine, SETTINGS, meter_id=meter)) == 1
    assert hub.reads() == [(meter, 1_234_000)]


def test_raw_frames_and_reads_cannot_be_emptied(hub):
    for table in ("raw_frame", "register_read", "audit_event"):
        with pytest.raises(DBAPIError, match="never changed"), hub.engine.begin() as connection:
            connection.execute(text(f"TRUNCATE {table} CASCADE"))
