"""Exports: the same numbers as the API, in both formats, in the memory of a piece."""

import csv
import io
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pyarrow.parquet as pq
import pytest
from sqlalchemy import text

from meterhub.app import create_app
from meterhub.kit.table_files import Column, Format, Kind, write_table
from meterhub.readings.export import routes
from meterhub.readings.jobs import roll_up
from meterhub.readings.repository import NewRead, store_reads
from meterhub.settings import Settings
from meterhub.store.upkeep import maintain
from tests.api.hub import Hub

START = datetime(2026, 3, 27, 22, tzinfo=UTC)  # midnight in Helsinki; the day after next has 23 hours
EXCHANGE = START + timedelta(days=2, hours=9)
SPAN = {"from": "2026-03-28", "until": "2026-04-02", "purpose": "leak-detection"}
ROUTE = "/api/v1/exports"


def fill(engine):
    """Three points, the first with an exchange of meters, the third with a name that a spreadsheet would run."""
    with engine.begin() as connection:
        connection.execute(
            text("INSERT INTO property (property_code, street, postal_code, city) VALUES ('H', 'S', '1', 'C')")
        )
        for code in ("P-1", "P-2", "=1+1"):
            connection.execute(
                text(
                    "INSERT INTO metering_point (point_code, property_id, services) "
                    "SELECT :code, max(id), '{water}' FROM property"
                ),
                {"code": code},
            )
        for serial, code, valid in (
            ("1", "P-1", f"[{START - timedelta(days=1)},{EXCHANGE})"),
            ("2", "P-1", f"[{EXCHANGE},)"),
            ("3", "P-2", "[,)"),
            ("4", "=1+1", f"[{START - timedelta(days=1)},)"),
        ):
            connection.execute(text("INSERT INTO meter (manufacturer, serial) VALUES ('KAM', :s)"), {"s": serial})
            connection.execute(
                text(
                    "INSERT INTO installation (meter_id, metering_point_id, valid) "
                    "SELECT max(m.id), (SELECT id FROM metering_point WHERE point_code = :code), "
                    "CAST(:valid AS tstzrange) FROM meter m"
                ),
                {"code": code, "valid": valid},
            )
        ids = connection.execute(text("SELECT id FROM meter ORDER BY id")).scalars().all()
        for meter, step in zip(ids, (61, 59, 240, 37), strict=True):
            reads = [
                NewRead(
                    meter, START + timedelta(minutes=step * n), 1_000 * n * n + n, alarms=("leak", "dry")[: n % 3]
                )
                for n in range(7 * 24 * 60 // step)
            ]
            store_reads(connection, reads)
    list(roll_up(engine))


@pytest.fixture
def filled(engine) -> Hub:
    fill(engine)
    maintain(engine, Settings(), START)
    return Hub(engine, create_app(engine, Settings(master_key="11" * 32)))


def csv_rows(response):
    assert response.status_code == 200, response.text
    return list(csv.DictReader(io.StringIO(response.text)))


def parquet_rows(response):
    assert response.status_code == 200, response.text
    return pq.read_table(io.BytesIO(response.content)).to_pylist()


@pytest.mark.parametrize(
    ("what", "resolution", "time"), [("hours", "hour", "hour_utc"), ("daily", "day", "start_utc")]
)
def test_csv_parquet_and_the_api_tell_the_same_volumes(filled, what, resolution, time):
    client = filled.client("operations")
    in_csv = csv_rows(client.get(f"{ROUTE}/{what}", params=SPAN))
    in_parquet = parquet_rows(client.get(f"{ROUTE}/{what}", params=SPAN | {"format": "parquet"}))
    since, until = "2026-03-28T00:00:00+02:00", "2026-04-02T00:00:00+03:00"
    for code in ("P-1", "P-2", "=1+1"):
        told = client.get(
            f"/api/v1/metering-points/{code}/consumption",
            params={"from": since, "until": until, "resolution": resolution},
        ).json()["values"]
        api = [(datetime.fromisoformat(one["start"]), Decimal(one["volume_m3"]), one["quality"]) for one in told]
        shown = f"'{code}" if code.startswith("=") else code
        from_csv = [
            (datetime.fromisoformat(row[time]), Decimal(row["volume_m3"]), row["quality"])
            for row in in_csv
            if row["point_code"] == shown
        ]
        from_parquet = [
            (row[time], row["volume_m3"], row["quality"]) for row in in_parquet if row["point_code"] == code
        ]
        assert len(api) > 4
        assert from_csv == api == from_parquet
    assert [row["point_code"] for row in in_parquet] == sorted(row["point_code"] for row in in_parquet)


def test_the_day_of_an_exchange_has_the_hours_of_both_meters_and_the_short_day_23(filled):
    rows = csv_rows(filled.client("billing").get(f"{ROUTE}/daily", params=SPAN | {"point": "P-1"}))
    assert [(row["day"], row["hours"]) for row in rows][:4] == [
        ("2026-03-28", "24"),
        ("2026-03-29", "23"),
        ("2026-03-30", "24"),
        ("2026-03-31", "24"),
    ]


def test_reads_are_those_of_the_api(filled):
    client = filled.client("operations")
    span = {"from": "2026-03-28T00:00:00Z", "until": "2026-03-30T00:00:00Z", "purpose": "audit", "point": "P-1"}
    told, cursor = [], ""
    while cursor is not None:
        page = client.get(
            "/api/v1/metering-points/P-1/reads",
            params={"from": span["from"], "until": span["until"]} | ({"cursor": cursor} if cursor else {}),
        ).json()
        told, cursor = told + page["items"], page["next_cursor"]
    rows = csv_rows(client.get(f"{ROUTE}/reads", params=span))
    assert [int(row["read_id"]) for row in rows] == [one["id"] for one in told]
    assert [Decimal(row["register_m3"]) for row in rows] == [Decimal(one["volume_m3"]) for one in told]
    assert [row["alarms"].split(";") if row["alarms"] else [] for row in rows] == [one["alarms"] for one in told]
    same = parquet_rows(client.get(f"{ROUTE}/reads", params=span | {"format": "parquet"}))
    assert [row["alarms"] for row in same] == [one["alarms"] for one in told]
    assert [row["at_utc"] for row in same] == [datetime.fromisoformat(one["at"]) for one in told]


def test_a_read_that_was_set_aside_is_marked_in_the_api_and_left_out_of_exports(filled):
    client = filled.client("operations")
    span = {"from": "2026-03-28T00:00:00Z", "until": "2026-03-30T00:00:00Z"}
    first, *others = client.get("/api/v1/metering-points/P-1/reads", params=span).json()["items"]
    assert not any(one["set_aside"] for one in (first, *others))
    asked = {"volume_m3": None, "reason": "typed wrongly"}
    assert client.post(f"/api/v1/reads/{first['id']}/edit", json=asked).status_code == 201
    told = client.get("/api/v1/metering-points/P-1/reads", params=span).json()["items"]
    assert [one["set_aside"] for one in told] == [True] + [False] * len(others)
    rows = csv_rows(client.get(f"{ROUTE}/reads", params=span | {"purpose": "audit", "point": "P-1"}))
    assert first["id"] not in [int(row["read_id"]) for row in rows]
    assert len(rows) >= len(others)


def test_who_exported_what_and_why_is_on_record(filled):
    client = filled.client("operations")
    client.get(f"{ROUTE}/hours", params=SPAN)
    client.get(f"{ROUTE}/hours", params=SPAN | {"point": ["P-1", "P-2"], "format": "parquet"})
    found = filled.audit("export-hours")
    assert [one["subject"] for one in found] == ["points:all", "point:P-1", "point:P-2"]
    assert {one["purpose"] for one in found} == {"leak-detection"}
    assert found[1]["detail"]["format"] == "parquet"


@pytest.mark.parametrize(
    ("change", "status", "what"),
    [
        ({"until": "2026-03-28"}, 422, "until"),
        ({"point": "P-9"}, 404, "P-9"),
        ({"purpose": ""}, 422, "purpose"),
        ({"from": "2026-03-28T00:30:00Z"}, 422, "midnight"),
    ],
)
def test_an_export_that_makes_no_sense_is_refused_and_names_why(filled, change, status, what):
    response = filled.client("operations").get(f"{ROUTE}/daily", params=SPAN | change)
    assert response.status_code == status
    assert what in response.text
    assert filled.audit("export-daily") == []


def test_more_exports_at_once_than_the_hub_has_room_for_are_asked_to_come_back(filled):
    client = filled.client("operations")
    for _ in range(routes.AT_ONCE):
        assert routes._free.acquire(blocking=False)
    try:
        response = client.get(f"{ROUTE}/hours", params=SPAN)
        assert (response.status_code, response.json()["code"]) == (503, "busy")
    finally:
        routes._free.release(routes.AT_ONCE)
    for _ in range(routes.AT_ONCE + 1):
        assert client.get(f"{ROUTE}/hours", params=SPAN).status_code == 200


def test_text_that_a_spreadsheet_would_run_is_shown_and_numbers_stay_numbers():
    columns = [Column("name", Kind.TEXT), Column("volume_m3", Kind.VOLUME), Column("texts", Kind.TEXTS)]
    rows = [[("=SUM(A1)", -1, ["@x", "y"]), ("+1", -2_500_000, []), ("plain", 10**18 - 1, None)]]
    written = b"".join(write_table(columns, rows, Format.CSV)).decode().splitlines()
    assert written == [
        "name,volume_m3,texts",
        "'=SUM(A1),-0.000001,'@x;y",
        "'+1,-2.500000,",
        "plain,999999999999.999999,",
    ]
    parquet = io.BytesIO(b"".join(write_table(columns, rows, Format.PARQUET)))
    assert pq.read_table(parquet).column("volume_m3").to_pylist() == [
        Decimal("-0.000001"),
        Decimal("-2.500000"),
        Decimal("999999999999.999999"),
    ]


def test_an_export_of_nothing_is_a_file_with_columns_and_no_rows(filled):
    empty = SPAN | {"from": "2020-01-01", "until": "2020-02-01"}
    client = filled.client("operations")
    assert csv_rows(client.get(f"{ROUTE}/hours", params=empty)) == []
    assert parquet_rows(client.get(f"{ROUTE}/hours", params=empty | {"format": "parquet"})) == []


_PEAK = """
import json, resource, sys
from meterhub.commands.export import app
from typer.testing import CliRunner
app(sys.argv[1:], standalone_mode=False)
print(json.dumps(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss), file=sys.stderr)
"""


def peak_kb(engine, tmp_path, form, until):
    """Run an export as a process of its own; its rows and the most memory that it took."""
    out = tmp_path / f"{until}.{form}"
    done = subprocess.run(
        [sys.executable, "-c", _PEAK, "hours", "--from", "2025-01-01", "--to", until, "-o", out],
        env={**os.environ, "DATABASE_URL": engine.url.render_as_string(hide_password=False)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    count = pq.read_metadata(out).num_rows if form == "parquet" else out.read_bytes().count(b"\n") - 1
    return count, json.loads(done.stderr.splitlines()[-1])


@pytest.mark.slow
@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_ten_times_the_rows_of_a_point_take_no_more_memory(engine, tmp_path, form):
    fill(engine)
    with engine.begin() as connection:
        connection.execute(
            text(
                """
                INSERT INTO hourly_day (start_at, volume_ml, meter_id, hours, quality, volumes_ml)
                SELECT d, 24, i.meter_id, 24, 1, array_fill(1, ARRAY[24]) FROM installation i
                CROSS JOIN generate_series('2025-01-01 00:00+00'::timestamptz, '2035-12-30', '1 day') d
                WHERE i.meter_id = 3 ON CONFLICT DO NOTHING
                """
            )
        )
    few, small = peak_kb(engine, tmp_path, form, "2025-12-31")
    many, large = peak_kb(engine, tmp_path, form, "2035-12-30")
    assert few > 8_000
    assert many > 10 * few
    assert large - small < 15_000, f"{few} rows took {small} kB, {many} rows {large} kB"


def test_the_command_leaves_a_complete_file_or_none(filled, tmp_path):
    env = {**os.environ, "DATABASE_URL": filled.engine.url.render_as_string(hide_password=False)}

    def run(*options):
        command = [sys.executable, "-m", "meterhub", "export", "reads", "--to", "2026-04-01", *options]
        return subprocess.run(command, env=env, capture_output=True, text=True)

    target = tmp_path / "reads.parquet"
    done = run("--from", "2026-03-28", "-o", target)
    assert done.returncode == 0, done.stderr
    assert pq.read_metadata(target).num_rows > 100
    wrong = run("--from", "soon", "-o", tmp_path / "x")
    assert (wrong.returncode, "--from" in wrong.stderr) == (2, True)
    assert [path.name for path in tmp_path.iterdir()] == ["reads.parquet"]
