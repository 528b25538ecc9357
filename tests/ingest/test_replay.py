import gzip
import json
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from meterhub.access.principal import SYSTEM
from meterhub.cli import app
from meterhub.errors import NotFound
from meterhub.gateway.uplink import Deferred, Delivered, Obstacle
from meterhub.ingest.capture import export_capture
from meterhub.ingest.capture_lines import BadLine, HeardLine, HowToRead, read_lines
from meterhub.ingest.capture_times import TimeReader
from meterhub.ingest.replay import TRIES, Replayed, ReplayStopped, on_database, over_http, replay
from meterhub.settings import get_settings
from tests.ingest.test_service import COMPACT, FULL, MODE_5, MODE_5_KEY, NOW, PLAIN, SETTINGS, Hub

KEPT = """
    SELECT 'frame', g.name, f.received_at::text, encode(f.frame, 'hex'), f.rssi_dbm, f.link_mode
    FROM raw_frame f JOIN gateway g ON g.id = f.gateway_id
    UNION ALL SELECT 'read', m.serial, r.at::text, r.source, r.volume_ml, NULL
    FROM register_read r JOIN meter m ON m.id = r.meter_id
    UNION ALL SELECT 'hold', q.serial, f.received_at::text, q.reason, 0, NULL
    FROM quarantine q JOIN raw_frame f ON f.id = q.raw_frame_id WHERE q.resolved_at IS NULL
    UNION ALL SELECT 'heard', g.name, h.received_at::text, encode(f.frame, 'hex'), h.rssi_dbm, NULL
    FROM frame_heard h JOIN raw_frame f ON f.id = h.raw_frame_id JOIN gateway g ON g.id = h.gateway_id
    ORDER BY 1, 2, 3, 4
"""


@pytest.fixture
def hub(engine):
    hub = Hub(engine)
    hub.register("CEN", "12345678")
    hub.register("ELS", "12345678", MODE_5_KEY)
    hub.register("KAM", "76348799")
    return hub


@pytest.fixture
def run(monkeypatch, database_url):
    """Run the command line on this test's database."""

    def run(*arguments, stdin=None):
        monkeypatch.setenv("DATABASE_URL", database_url)
        monkeypatch.setenv("METERHUB_MASTER_KEY", SETTINGS.master_key.get_secret_value())
        get_settings.cache_clear()
        return CliRunner().invoke(app, list(map(str, arguments)), input=stdin)

    yield run
    get_settings.cache_clear()


def line(frame, at, gateway="north", **more):
    return json.dumps({"gateway": gateway, "frame": frame, "received_at": at.isoformat(), **more})


def capture(count=20):
    """Telegrams of three meters every 5 minutes, heard by two gateways, some twice."""
    lines = []
    for n in range(count):
        at = NOW + timedelta(minutes=5 * n)
        lines.append(line((PLAIN, MODE_5, FULL, COMPACT)[n % 4], at, rssi_dbm=-70 - n, link_mode="T1"))
        if n % 2:
            lines.append(line((PLAIN, MODE_5, FULL, COMPACT)[n % 4], at + timedelta(seconds=2), "south"))
    return lines


def test_replaying_twice_changes_nothing(hub, run, tmp_path):
    file = tmp_path / "capture.jsonl"
    file.write_text("\n".join(capture()))
    first = run("replay", file, "--json")
    assert first.exit_code == 0, first.output
    told = json.loads(first.stdout)
    assert (told["telegrams"], told["accepted"], told["duplicates"], told["unusable"]) == (30, 20, 10, 0)
    assert told["meters"] == 3
    kept = hub.rows(KEPT)
    assert len([row for row in kept if row[0] == "read"]) == 20
    gateways = hub.rows("SELECT * FROM gateway ORDER BY id") + hub.rows("SELECT * FROM gateway_day")
    again = json.loads(run("replay", file, "--json").stdout)
    assert (again["accepted"], again["duplicates"]) == (0, 30)
    assert hub.rows(KEPT) == kept
    assert hub.rows("SELECT * FROM gateway ORDER BY id") + hub.rows("SELECT * FROM gateway_day") == gateways
    assert [row for row in gateways if NOW in row] == [], "a replay is no sign of life"


def test_live_telegrams_and_their_replay_are_the_same(hub, run, tmp_path):
    hub.send((PLAIN, NOW), (MODE_5, NOW))
    file = tmp_path / "capture.jsonl"
    file.write_text("\n".join([line(PLAIN, NOW), line(MODE_5, NOW + timedelta(seconds=1), "south")]))
    assert "0 accepted, 2 known already, 0 in quarantine" in run("replay", file).stdout
    assert len(hub.reads()) == 2


def test_an_exported_capture_builds_the_same_hub_again(hub, run, tmp_path, postgres):
    source = tmp_path / "one.jsonl"
    source.write_text("\n".join(capture()))
    run("replay", source)
    kept = hub.rows(KEPT)
    exported = tmp_path / "two.jsonl.gz"
    done = run("capture", "export", "--from", "2026-03-01", "--until", "2026-03-02", "--output", exported)
    assert (done.exit_code, done.stderr) == (0, "30 receptions\n")
    assert len(gzip.decompress(exported.read_bytes()).splitlines()) == 30
    with hub.engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))  # else refused: append-only
        connection.execute(text("TRUNCATE raw_frame, frame_heard, quarantine, register_read CASCADE"))
    assert run("replay", exported).exit_code == 0
    assert hub.rows(KEPT) == kept


def test_an_export_keeps_to_its_span_and_its_gateway_and_is_on_record(hub, run):
    hub.send((PLAIN, NOW), (PLAIN, NOW + timedelta(hours=1)))
    hub.send((PLAIN, NOW + timedelta(seconds=1)), gateway=2)
    whole = list(export_capture(hub.engine, SYSTEM, since=NOW, until=NOW + timedelta(hours=1)))
    assert [json.loads(each)["gateway"] for each in whole] == ["north", "south"]
    piped = run("capture", "export", "--from", "2026-03-01 14:00", "--until", "2026-03-01", "--gateway", "south")
    assert [json.loads(each)["received_at"] for each in piped.stdout.splitlines()] == ["2026-03-01T12:00:01Z"]
    assert len(hub.rows("SELECT 1 FROM audit_event WHERE action = 'export-capture'")) == 2
    assert run("capture", "export", "--from", "2026-03-02", "--until", "2026-03-01").exit_code == 2
    assert run("capture", "export", "--from", "now", "--until", "2026-03-01").exit_code == 2


def test_what_cannot_be_used_is_reported_by_line_and_the_rest_is_stored(hub, run, tmp_path):
    file = tmp_path / "log.txt"
    future = datetime.now(UTC) + timedelta(days=3)
    rows = [
        line(PLAIN, NOW),
        "rubbish",
        line("00" * 2000, NOW),
        line(PLAIN, future),
        json.dumps({"frame": PLAIN}),
        line("00" * 12, NOW),
    ]
    file.write_text("\n".join(rows))
    done = run("replay", file, "--json")
    assert done.exit_code == 1
    told = json.loads(done.stdout)
    assert (told["accepted"], told["quarantined"], told["rejected"], told["unusable"]) == (1, 1, 2, 2)
    reported = [
        each.removeprefix(f"{file}:").split(":")[:2] for each in done.stderr.splitlines() if "log.txt" in each
    ]
    assert sorted(reported) == [
        ["2", " unknown-line"],
        ["3", " bad-telegram"],
        ["4", " received-in-future"],
        ["5", " no-time"],
    ]


def test_a_dry_run_reads_everything_and_stores_nothing(hub, run, tmp_path):
    file = tmp_path / "capture.jsonl"
    file.write_text("\n".join([*capture(), "rubbish"]))
    done = run("replay", file, "--dry-run")
    assert done.exit_code == 1
    assert "30 telegrams of 3 meters from 2026-03-01T12:00:00+00:00 to 2026-03-01T13:35:02+00:00" in done.stdout
    assert "nothing was sent" in done.stdout
    assert hub.rows("SELECT count(*) FROM raw_frame") == [(0,)]


def test_captures_of_all_kinds_go_in_together(hub, run, tmp_path):
    (tmp_path / "rtl.txt").write_text(
        "T1;1;1;2026-03-01 12:00:00.00Z;97;148;12345678;0x0F44AE0C785634120107780B13436587\n"
    )
    (tmp_path / "drive.csv").write_text(f"wann;roh\n01.03.2026 15:00;{PLAIN}\n")
    (tmp_path / "log.gz").write_bytes(gzip.compress(f"[2026-03-01_16:00:00] telegram=|{PLAIN}|\n".encode()))
    told = ("--columns", "time=wann,frame=roh", "--time-format", "%d.%m.%Y %H:%M", "--gateway", "south")
    assert run("replay", tmp_path / "drive.csv", *told).exit_code == 0
    piped = line(PLAIN, NOW + timedelta(hours=3))
    mixed = run("replay", tmp_path / "rtl.txt", tmp_path / "log.gz", "-", "--gateway", "south", stdin=piped)
    assert mixed.exit_code == 0, mixed.output
    expected = [NOW + timedelta(hours=n) for n in range(4)]
    assert [row[0] for row in hub.rows("SELECT at FROM register_read ORDER BY at")] == expected
    assert hub.rows("SELECT DISTINCT gateway_id FROM raw_frame") == [(2,)]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["nowhere.txt"], "nowhere.txt cannot be read"),
        (["-", "--hub", "https://hub.example"], "--hub needs --token-file"),
        (["-", "--zone", "Mars/Olympus"], "there is no zone 'Mars/Olympus'"),
        (["-", "--columns", "when=x"], "--columns: 'when=x' is not one of time=NAME"),
        (["-", "--start", "noon"], "no time in ISO 8601"),
        (["-"], "line 1 does not say which gateway heard it"),
        (["-", "--gateway", "cellar"], "there is no gateway 'cellar'"),
    ],
)
def test_a_replay_that_cannot_begin_says_why(hub, run, arguments, problem):
    done = run("replay", *arguments, stdin=json.dumps({"frame": PLAIN, "received_at": NOW.isoformat()}))
    assert done.exit_code == 2
    assert problem in done.stderr


def heard(*numbers):
    return [HeardLine(n, "json", bytes.fromhex(PLAIN), NOW + timedelta(minutes=n), -70, "T1", "") for n in numbers]


class FakeUplink:
    """Answers in turn; takes at most so many telegrams at once."""

    def __init__(self, *answers, limit=1000):
        self.answers, self.limit, self.sent = list(answers), limit, []

    def send(self, telegrams, spool_depth):
        if len(telegrams) > self.limit:
            return Deferred(Obstacle.TOO_LARGE, "HTTP 413: too-large")
        if self.answers:
            return self.answers.pop(0)
        self.sent += [telegram.received_at.minute for telegram in telegrams]
        rejected = [{"index": len(telegrams) - 1, "code": "bad", "message": "last"}]
        return Delivered(accepted=len(telegrams) - 1, duplicates=0, quarantined=0, rejected=rejected)


def test_a_hub_that_takes_less_at_once_gets_less_and_rejections_keep_their_lines():
    uplink = FakeUplink(limit=2)
    result = Replayed()
    bad = list(replay(heard(*range(5)), "north", over_http(uplink), result))
    assert uplink.sent == [0, 1, 2, 3, 4]
    assert [each.number for each in bad] == [1, 2, 4]
    assert (result.accepted, result.rejected) == (2, 3)


def test_a_hub_that_is_away_is_asked_again_as_it_wishes():
    away = Deferred(Obstacle.UNREACHABLE, "HTTP 503: database-unavailable", 7.0)
    pauses = []
    uplink = FakeUplink(away, Deferred(Obstacle.UNREACHABLE, "no route"))
    list(replay(heard(1, 2), "north", over_http(uplink, pauses.append), Replayed()))
    assert (uplink.sent, pauses) == ([1, 2], [7.0, 2.0])


@pytest.mark.parametrize(("obstacle", "pauses"), [(Obstacle.UNREACHABLE, TRIES - 1), (Obstacle.REFUSED, 0)])
def test_a_hub_that_does_not_take_it_stops_the_replay_with_the_line(obstacle, pauses):
    paused = []
    uplink = FakeUplink(*[Deferred(obstacle, "because")] * TRIES)
    with pytest.raises(ReplayStopped, match="does not take line 8 and on: because"):
        list(replay(heard(8, 9), "north", over_http(uplink, paused.append), Replayed()))
    assert len(paused) == pauses


def test_a_line_without_a_gateway_stops_the_replay_before_anything_of_it_is_stored(hub):
    send = on_database(hub.engine, SETTINGS, lambda: NOW)
    with pytest.raises(NotFound, match="line 3 does not say"):
        list(replay(heard(3), "", send, Replayed()))


def test_batches_of_any_size_store_the_same(hub, monkeypatch):
    monkeypatch.setattr("meterhub.ingest.replay.TELEGRAMS_A_BATCH", 3)
    send = on_database(hub.engine, SETTINGS, lambda: NOW)
    how = HowToRead(TimeReader(SETTINGS.tz))
    result = Replayed()
    assert not [b for b in replay(read_lines(capture(), how), "", send, result) if isinstance(b, BadLine)]
    assert (result.accepted, result.duplicates) == (20, 10)
