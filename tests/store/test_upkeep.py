import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Event, Thread

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from meterhub.commands.store import app
from meterhub.errors import NotConfigured
from meterhub.readings.jobs import roll_up
from meterhub.readings.repository import NewRead, Source, store_reads
from meterhub.settings import Retention, Settings, get_settings
from meterhub.store import policies
from meterhub.store.backend import uses_timescale
from meterhub.store.months import make_months
from meterhub.store.parts import REGISTER_READ, parts
from meterhub.store.upkeep import maintain
from meterhub.store.zone import set_zone

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
KEEPING = Settings(zone="Europe/Helsinki")
DROPPING = Settings(zone="Europe/Helsinki", retention=Retention(enforce=True))


def rows(engine, query, **values):
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query), values)]


def add_meters(engine, count=2):
    with engine.begin() as connection:
        for number in range(count):
            connection.execute(
                text("INSERT INTO meter (manufacturer, serial) VALUES ('KAM', :s)"), {"s": str(number)}
            )


def add_reads(engine, *reads):
    with engine.begin() as connection:
        store_reads(connection, [NewRead(*read) for read in reads])


def hourly_reads(meter_id, start, hours, source=Source.AMR):
    return [(meter_id, start + timedelta(hours=n), 1_000 * n * n, source) for n in range(hours + 1)]


def add_frame(engine, at, *, held=False, heard=False):
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO gateway (name) VALUES ('g') ON CONFLICT DO NOTHING"))
        frame = connection.execute(
            text(
                "INSERT INTO raw_frame (fingerprint, received_at, gateway_id, frame) "
                "SELECT 1, :at, id, '\\x00' FROM gateway RETURNING id"
            ),
            {"at": at},
        ).scalar_one()
        if held:
            connection.execute(
                text("INSERT INTO quarantine (raw_frame_id, reason, entered_at) VALUES (:id, 'damaged', :at)"),
                {"id": frame, "at": at},
            )
        if heard:
            connection.execute(
                text(
                    "INSERT INTO frame_heard (raw_frame_id, gateway_id, received_at) "
                    "SELECT :id, id, :at FROM gateway"
                ),
                {"id": frame, "at": at},
            )


@pytest.fixture
def rezoned(store):
    """Leave the zone of the shared database as it was."""
    yield store
    with store.connect() as connection:
        timescale = uses_timescale(connection)
    if timescale:
        maintain(store, Settings(zone="UTC"), NOW)


def test_rows_of_months_that_nobody_foresaw_are_kept_and_moved_to_their_month(engine):
    add_meters(engine)
    old, new = datetime(2024, 2, 29, 23, tzinfo=UTC), datetime(2027, 1, 31, 20, tzinfo=UTC)
    add_reads(engine, *hourly_reads(1, old, 3), *hourly_reads(2, new, 3))
    before = rows(engine, "SELECT meter_id, at, id, volume_ml FROM register_read ORDER BY id")
    made = {(one.table, one.month): one.moved for one in make_months(engine, NOW)}
    assert made["register_read", datetime(2024, 2, 1, tzinfo=UTC)] == 1
    assert made["register_read", datetime(2024, 3, 1, tzinfo=UTC)] == 3
    assert rows(engine, "SELECT meter_id, at, id, volume_ml FROM register_read ORDER BY id") == before
    assert rows(engine, "SELECT count(*) FROM store.register_read_default") == [(0,)]
    with engine.connect() as connection:
        starts = [part.start for part in parts(connection, REGISTER_READ)]
    assert starts == sorted(starts)
    assert {datetime(2026, month, 1, tzinfo=UTC) for month in (11, 12)} <= set(starts)
    assert list(make_months(engine, NOW)) == []


def test_reads_stored_while_months_are_made_are_neither_lost_nor_refused(engine):
    add_meters(engine)
    stop, stored, failures = Event(), [], []

    def keep_storing():
        while not stop.is_set():
            month = len(stored) % 24
            at = datetime(2024 + month // 12, month % 12 + 1, 15, tzinfo=UTC) + timedelta(seconds=len(stored))
            try:
                add_reads(engine, (1, at, len(stored)))
            except Exception as error:  # noqa: BLE001 - whatever it is, it is what must not happen
                failures.append(error)
            stored.append(at)

    thread = Thread(target=keep_storing)
    thread.start()
    made = [one for _ in range(6) for one in make_months(engine, NOW)]
    stop.set()
    thread.join()
    list(make_months(engine, NOW))
    assert failures == []
    assert made
    assert [at for (at,) in rows(engine, "SELECT at FROM register_read ORDER BY id")] == stored
    assert rows(engine, "SELECT count(*) FROM store.register_read_default") == [(0,)]


@pytest.mark.parametrize("zone", ["Europe/Helsinki", "UTC", "America/St_Johns"])
def test_days_are_the_sums_of_their_hours_in_any_zone(rezoned, zone):
    add_meters(rezoned)
    add_reads(rezoned, *hourly_reads(1, datetime(2026, 10, 23, 3, tzinfo=UTC), 100))
    list(roll_up(rezoned))
    hours = rows(rezoned, "SELECT * FROM hourly_volume ORDER BY hour")
    span = "'2026-10-01 00:00:00', '2026-11-01 00:00:00'"
    expected = rows(
        rezoned,
        "SELECT meter_id, date_trunc('day', hour, :zone), sum(volume_ml)::bigint, max(quality), "
        "count(*)::smallint FROM hourly_volume GROUP BY 1, 2 ORDER BY 1, 2",
        zone=zone,
    )
    query = f"SELECT * FROM daily(:zone, {span}) ORDER BY 1, 2"
    assert rows(rezoned, query, zone=zone) == expected
    assert maintain(rezoned, KEEPING, NOW).zone_changed
    assert not maintain(rezoned, KEEPING, NOW).zone_changed
    assert rows(rezoned, "SELECT * FROM hourly_volume ORDER BY hour") == hours
    assert rows(rezoned, query, zone=zone) == expected
    if zone == "Europe/Helsinki":
        assert [count for *_, count in expected][1:3] == [24, 25]  # the clocks go back on 25 October


def test_late_reads_change_their_day_in_a_sealed_month(engine):
    add_meters(engine)
    start = datetime(2026, 8, 2, tzinfo=UTC)
    add_reads(engine, *(read for read in hourly_reads(1, start, 700) if read[1].day != 10))
    list(roll_up(engine))
    maintain(engine, KEEPING, NOW)
    [sealed] = rows(engine, "SELECT part FROM store_sealed")
    assert sealed == ("store.hourly_day_2026_08",)
    add_reads(engine, *(read for read in hourly_reads(1, start, 700) if read[1].day == 10))
    list(roll_up(engine))
    late = rows(engine, "SELECT * FROM hourly_volume ORDER BY hour")
    assert [volume for _, _, volume, _ in late] == [1_000 * (2 * n + 1) for n in range(700)]
    assert {quality for *_, quality in late} == {1}
    assert maintain(engine, KEEPING, NOW).sealed == []  # it has hardly grown
    assert rows(engine, "SELECT * FROM hourly_volume ORDER BY hour") == late


def test_nothing_leaves_until_retention_is_enforced(rezoned):
    old = NOW - timedelta(days=200)
    add_frame(rezoned, old, held=True, heard=True)
    would_go = maintain(rezoned, KEEPING, NOW)
    assert not would_go.enforced
    assert {(one.table, one.rows) for one in would_go.expired} == {("raw_frame", 1), ("frame_heard", 1)}
    assert rows(rezoned, "SELECT count(*) FROM raw_frame, frame_heard, quarantine") == [(1,)]


def test_frames_leave_with_their_receptions_and_quarantine_entries(rezoned):
    for days in (200, 100, 1):
        add_frame(rezoned, NOW - timedelta(days=days), held=True, heard=True)
    gone = maintain(rezoned, DROPPING, NOW)
    assert gone.enforced
    assert {(one.table, one.rows) for one in gone.expired} == {("raw_frame", 1), ("frame_heard", 1)}
    kept = rows(rezoned, "SELECT count(*) FROM raw_frame")[0][0]
    assert kept == 2
    for table in ("frame_heard", "quarantine"):
        assert rows(rezoned, f"SELECT count(*) FROM {table}") == [(kept,)]
    assert maintain(rezoned, DROPPING, NOW).expired == []


def test_reads_of_people_outlive_those_of_radio(rezoned):
    add_meters(rezoned)
    old = datetime(2023, 5, 2, tzinfo=UTC)
    add_reads(rezoned, *hourly_reads(1, old, 5), *hourly_reads(2, old, 1, Source.REMOVAL))
    add_reads(rezoned, *hourly_reads(1, NOW - timedelta(hours=9), 5))
    manual = rows(rezoned, "SELECT * FROM register_read WHERE source = 'removal' ORDER BY id")
    [radio] = [one for one in maintain(rezoned, DROPPING, NOW).expired if one.table == "register_read"]
    assert radio.rows == 6
    assert rows(rezoned, "SELECT * FROM register_read WHERE source = 'removal' ORDER BY id") == manual
    assert rows(rezoned, "SELECT count(*) FROM register_read") == [(6 + len(manual),)]
    assert maintain(rezoned, DROPPING, NOW).expired == []


def test_a_read_of_a_person_that_is_stored_while_radio_leaves_stays(engine):
    add_meters(engine)
    old = datetime(2023, 5, 2, tzinfo=UTC)
    add_reads(engine, *hourly_reads(1, old, 5))
    maintain(engine, KEEPING, NOW)
    with ThreadPoolExecutor(1) as pool, engine.connect() as person:
        store_reads(person, [NewRead(2, old, 77, Source.UTILITY)])
        dropping = pool.submit(maintain, engine, DROPPING, NOW)
        waiting = "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'store.register_read_2023_05'::regclass"
        while not rows(engine, waiting) and not dropping.done():
            pass
        person.commit()
        dropping.result()
    assert rows(engine, "SELECT meter_id, volume_ml FROM register_read") == [(2, 77)]


def test_sums_of_days_outlive_their_hours(rezoned):
    add_meters(rezoned)
    maintain(rezoned, KEEPING, NOW)
    old = datetime(2024, 5, 31, 21, tzinfo=UTC)
    add_reads(rezoned, *hourly_reads(1, old, 48))
    list(roll_up(rezoned))
    with rezoned.connect() as connection:
        timescale = uses_timescale(connection)
    if timescale:
        with rezoned.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(
                text("CALL refresh_continuous_aggregate('daily_volume', '2024-05-01', '2024-07-01')")
            )
    days = "SELECT * FROM daily('Europe/Helsinki', '2024-05-01', '2024-08-01') ORDER BY start_at"
    before = rows(rezoned, days)
    assert [row[2] for row in before] == [24**2 * 1_000, (48**2 - 24**2) * 1_000]
    maintain(rezoned, DROPPING, NOW)
    assert rows(rezoned, "SELECT count(*) FROM hourly_volume") == [(0,)]
    assert rows(rezoned, days) == before


def test_timescaledb_carries_out_its_policies(rezoned, request):
    with rezoned.connect() as connection:
        if not uses_timescale(connection):
            assert "postgresql" in request.node.name
            return
    maintain(rezoned, DROPPING, NOW)
    with rezoned.connect() as connection:
        assert set(policies.present(connection)) == set(policies.wanted(DROPPING.retention))
    assert maintain(rezoned, DROPPING, NOW).policies == []
    maintain(rezoned, KEEPING, NOW)
    with rezoned.connect() as connection:
        assert set(policies.present(connection)) == set(policies.wanted(KEEPING.retention))
    add_meters(rezoned)
    add_reads(rezoned, *hourly_reads(1, datetime(2026, 1, 1, tzinfo=UTC), 1000))
    list(roll_up(rezoned))
    hours = rows(rezoned, "SELECT * FROM hourly_volume ORDER BY hour")
    for (job,) in rows(rezoned, "SELECT job_id FROM timescaledb_information.jobs WHERE proc_name LIKE 'policy_%'"):
        with rezoned.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql(f"CALL run_job({job})")
    compressed = "SELECT count(*) FROM timescaledb_information.chunks WHERE is_compressed AND hypertable_name = :t"
    assert rows(rezoned, compressed, t="hourly_volume")[0][0] >= 1
    assert rows(rezoned, compressed, t="register_read")[0][0] >= 1
    assert rows(rezoned, "SELECT * FROM hourly_volume ORDER BY hour") == hours
    add_reads(rezoned, (1, datetime(2026, 1, 9, 0, 30, tzinfo=UTC), 192 * 192 * 1_000))
    list(roll_up(rezoned))
    late = rows(rezoned, "SELECT * FROM hourly_volume ORDER BY hour")
    assert [a != b for a, b in zip(hours, late, strict=True)].count(True) == 0
    assert sum(volume for _, _, volume, _ in late) == 1_000_000_000


def test_expire_lists_what_would_go_and_drops_it_on_request(engine, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", engine.url.render_as_string(hide_password=False))
    get_settings.cache_clear()
    add_frame(engine, NOW - timedelta(days=2000))
    list(make_months(engine, NOW))
    listed = CliRunner().invoke(app, ["expire"])
    assert [json.loads(line)["rows"] for line in listed.stdout.splitlines()] == [1]
    assert rows(engine, "SELECT count(*) FROM raw_frame") == [(1,)]
    dropped = CliRunner().invoke(app, ["expire", "--yes"])
    assert [json.loads(line)["dropped"] for line in dropped.stdout.splitlines()] == [True]
    assert rows(engine, "SELECT count(*) FROM raw_frame") == [(0,)]
    assert json.loads(CliRunner().invoke(app, ["maintain"]).stdout)["expired"] == []
    get_settings.cache_clear()


def test_several_that_keep_the_store_up_at_once_take_turns(engine):
    add_meters(engine)
    add_reads(engine, *hourly_reads(1, NOW - timedelta(days=400), 800))
    list(roll_up(engine))
    with ThreadPoolExecutor(4) as threads:
        done = list(threads.map(lambda _: maintain(engine, KEEPING, NOW), range(4)))
    assert sorted(one.zone_changed for one in done) == [False, False, False, True]
    made = [(month.table, month.month) for one in done for month in one.months]
    assert len(made) == len(set(made)) > 0
    sealed = [month.part for one in done for month in one.sealed]
    assert len(sealed) == len(set(sealed)) == 2
    assert rows(engine, "SELECT sum(volume_ml) FROM hourly_volume") == [(1_000 * 800**2,)]


def test_a_zone_that_the_database_does_not_know_is_named(store):
    with pytest.raises(NotConfigured, match="Europe/Atlantis"):
        set_zone(store, "Europe/Atlantis")


def test_indexes_of_partitions_take_up_new_blocks_as_they_fill(engine):
    done = maintain(engine, KEEPING, NOW)
    assert any("register_read" in name for name in done.indexes)
    assert maintain(engine, KEEPING, NOW).indexes == []
    query = """
        SELECT count(*) FROM pg_class c JOIN pg_am a ON a.oid = c.relam
        WHERE a.amname = 'brin' AND c.relkind = 'i' AND relnamespace = 'store'::regnamespace AND reloptions IS NULL
    """
    assert rows(engine, query) == [(0,)]
