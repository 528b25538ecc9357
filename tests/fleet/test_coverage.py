"""Who hears which meter how well, against counts made by hand and by brute force."""

import random
from datetime import UTC, datetime, timedelta
from statistics import median_low

import pytest
from sqlalchemy import text

from meterhub.fleet import coverage_views
from meterhub.fleet.coverage import DAYS_KEPT, SHORTEST_PAUSE, measure, measure_due
from tests.fleet.town import a_gateway, a_meter, hear

TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
DAY = TODAY - timedelta(days=1)
NOW = TODAY + timedelta(hours=12)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def connection(engine):
    with engine.begin() as connection:
        yield connection


def rows(connection):
    query = text("SELECT * FROM coverage_day ORDER BY day, meter_id, gateway_id")
    return [dict(row._mapping) for row in connection.execute(query)]


def test_a_day_is_measured_by_gateway_and_meter(connection):
    meter = a_meter(connection, installed_at=DAY - timedelta(days=30))
    near, far = a_gateway(connection, "near"), a_gateway(connection, "far")
    for number in range(96):
        at = DAY + number * 15 * MINUTE
        weak = [(far, -100 - number % 5)] if number % 4 == 0 else []
        hear(connection, meter, at, (near, -60 - number % 3), *weak)
    measured = measure(connection, DAY.date(), NOW)
    assert measured.pairs == 2
    one, other = rows(connection)
    assert (one["frames"], one["expected"], one["rssi_median_dbm"], one["rssi_worst_dbm"]) == (96, 96, -61, -62)
    assert (other["frames"], other["expected"]) == (24, 96)
    assert (other["first_at"], other["last_at"]) == (DAY, DAY + 92 * 15 * MINUTE)


def test_measuring_agrees_with_brute_force_and_measuring_again_changes_nothing(connection):
    chance = random.Random(4)
    gateways = [a_gateway(connection, f"g{number}") for number in range(3)]
    expected: dict[tuple[int, int], list[int]] = {}
    for _ in range(4):
        meter = a_meter(connection, installed_at=DAY - timedelta(days=30))
        for number in range(144):
            receptions = [(g, chance.randint(-110, -40)) for g in gateways if chance.random() < 0.6]
            chance.shuffle(receptions)
            if receptions:
                hear(connection, meter, DAY + number * 10 * MINUTE, *receptions)
            for gateway, dbm in receptions:
                expected.setdefault((meter, gateway), []).append(dbm)
    measure(connection, DAY.date(), NOW)
    first = rows(connection)
    found = {(row["meter_id"], row["gateway_id"]): row for row in first}
    assert found.keys() == expected.keys()
    for pair, strengths in expected.items():
        row = found[pair]
        assert row["frames"] == len(strengths)
        assert row["rssi_median_dbm"] == -median_low([-s for s in strengths]) or row[
            "rssi_median_dbm"
        ] == median_low(strengths)
        assert row["rssi_worst_dbm"] == min(strengths)
        assert row["expected"] == 144, "with three gateways of which each hears 60 %, gaps are seldom long"
    measure(connection, DAY.date(), NOW)
    assert rows(connection) == first


def test_no_more_is_expected_of_a_gateway_than_it_lets_through(connection):
    meter = a_meter(connection, installed_at=DAY - timedelta(days=30))
    all_, thin = a_gateway(connection, "all"), a_gateway(connection, "thin")
    connection.execute(
        text(
            "INSERT INTO gateway_setting (gateway_id, keep, changed_at, changed_by) VALUES (:g, 'hour', :at, 'x')"
        ),
        {"g": thin, "at": NOW},
    )
    for number in range(288):
        also = [(thin, -70)] if number % 12 == 11 else []
        hear(connection, meter, DAY + number * 5 * MINUTE, (all_, -70), *also)
    measure(connection, DAY.date(), NOW)
    assert [(row["frames"], row["expected"]) for row in rows(connection)] == [(288, 288), (24, 24)]


def test_of_today_only_what_is_over_is_expected(connection):
    meter, gateway = a_meter(connection, installed_at=DAY), a_gateway(connection, "g")
    for number in range(12 * 60 // 15):
        hear(connection, meter, TODAY + number * 15 * MINUTE, (gateway, -70))
    measure(connection, TODAY.date(), NOW)
    assert [(row["frames"], row["expected"]) for row in rows(connection)] == [(48, 48)]


def test_late_days_yesterday_and_today_are_measured_when_they_are_due_and_no_more_often(engine):
    def due(now):
        return [done.day for done in measure_due(engine, now)]

    assert due(NOW) == [TODAY.date()]
    assert due(NOW + MINUTE) == []
    with engine.begin() as connection:
        meter = a_meter(connection, installed_at=DAY - timedelta(days=60))
        gateway = a_gateway(connection, "g")
        hear(connection, meter, DAY - timedelta(days=2), (gateway, -70))
        late = [(DAY - timedelta(days=days)).date() for days in (2, DAYS_KEPT)]
        connection.execute(text("INSERT INTO late_day (day) SELECT unnest(CAST(:d AS date[]))"), {"d": late})
    assert due(NOW + 2 * MINUTE) == [late[0]], "older ones are not kept anyway"
    assert due(NOW + 3 * MINUTE) == []
    assert due(NOW + SHORTEST_PAUSE) == [TODAY.date()]
    tomorrow = TODAY + timedelta(days=1, minutes=1)
    assert due(tomorrow) == [tomorrow.date(), TODAY.date()], "the day that ended once more, as a whole"
    assert due(tomorrow + MINUTE) == []


def test_old_days_are_forgotten(engine):
    with engine.begin() as connection:
        meter, gateway = a_meter(connection, installed_at=DAY - timedelta(days=60)), a_gateway(connection, "g")
        old = TODAY - timedelta(days=DAYS_KEPT)
        hear(connection, meter, old, (gateway, -70))
        measure(connection, old.date(), NOW)
        assert len(rows(connection)) == 1
    list(measure_due(engine, NOW))
    with engine.begin() as connection:
        assert rows(connection) == []


@pytest.fixture
def town(engine):
    """Six meters: heard by two, by the tower alone (two), by the attic alone, badly, not at all."""
    with engine.begin() as connection:
        tower, attic = a_gateway(connection, "tower"), a_gateway(connection, "attic")
        streets = ["Koivukuja 1", "Koivukuja 2 A 3", "Koivukuja 4", "Rantatie 1", "Rantatie 12", "Rantatie 3"]
        meters = [a_meter(connection, street=street, installed_at=DAY - timedelta(days=9)) for street in streets]
        for number in range(144):
            at = DAY + number * 10 * MINUTE
            hear(connection, meters[0], at, (tower, -60), (attic, -80))
            hear(connection, meters[1], at, (tower, -70))
            hear(connection, meters[2], at, (tower, -90), *([(attic, -105)] if number % 10 == 0 else []))
            hear(connection, meters[3], at, (attic, -75))
        for number in range(0, 24, 2):
            at = DAY + number * 10 * MINUTE
            hear(connection, meters[4], at, (tower, -108))
            hear(connection, meters[4], at + 10 * MINUTE, (tower, -107))
        measure(connection, DAY.date(), NOW)
    return DAY.date()


def test_gateways_tell_what_would_be_lost_without_them(engine, town):
    with engine.connect() as connection:
        attic, tower = coverage_views.by_gateway(connection, town, 1)
    assert (attic.gateway, attic.meters, attic.good, attic.poor, attic.only_here) == ("attic", 3, 2, 1, 1)
    assert (tower.gateway, tower.meters, tower.good, tower.poor, tower.only_here) == ("tower", 4, 3, 1, 2)


def test_gaps_fragile_meters_and_dark_streets_are_listed(engine, town):
    values = {"now": NOW, "after": None, "limit": 10}
    with engine.connect() as connection:
        gaps = coverage_views.gaps(connection, town, 1, **values)
        fragile = coverage_views.fragile(connection, town, 1, **values)
        of_tower = coverage_views.fragile(connection, town, 1, gateway="tower", **values)
        streets = coverage_views.dark_streets(connection, town, 1, now=NOW)
        counts = coverage_views.counts(connection, town, 1, now=NOW)
    assert [(gap.street, gap.gateway) for gap in gaps] == [("Rantatie 12", "tower"), ("Rantatie 3", None)]
    assert gaps[0].share == pytest.approx(24 / 144)
    assert [meter.street for meter in fragile] == ["Koivukuja 2 A 3", "Koivukuja 4", "Rantatie 1"]
    assert [meter.street for meter in of_tower] == ["Koivukuja 2 A 3", "Koivukuja 4"]
    assert [(s.street, s.points, s.dark) for s in streets] == [("Rantatie", 3, 2)]
    assert tuple(counts) == (6, 4, 0, 1, 1, 3)


def test_a_gateway_that_heard_a_meter_on_one_of_two_days_heard_half(engine):
    with engine.begin() as connection:
        meter = a_meter(connection, installed_at=DAY - timedelta(days=9))
        always, once = a_gateway(connection, "always"), a_gateway(connection, "once")
        for day in (DAY - timedelta(days=1), DAY):
            for number in range(24):
                also = [(once, -90)] if day == DAY else []
                hear(connection, meter, day + number * 60 * MINUTE, (always, -60), *also)
            measure(connection, day.date(), NOW)
        found = {row.gateway: row.share for row in coverage_views.by_gateway(connection, DAY.date(), 2)}
    assert found == {"always": pytest.approx(1), "once": pytest.approx(0.5)}


def test_the_api_tells_the_same(hub, town, clock):
    clock.now = NOW
    operations = hub.client("operations")
    span = f"?until={town}&days=1"
    assert [g["only_here"] for g in operations.get(f"/api/v1/coverage/gateways{span}").json()] == [1, 2]
    page = operations.get(f"/api/v1/coverage/gaps{span}&limit=1").json()
    assert [gap["street"] for gap in page["items"]] == ["Rantatie 12"]
    page = operations.get(f"/api/v1/coverage/gaps{span}&limit=1&cursor={page['next_cursor']}").json()
    assert ([gap["street"] for gap in page["items"]], page["next_cursor"]) == (["Rantatie 3"], None)
    assert operations.get(f"/api/v1/coverage/streets{span}").json()[0]["dark"] == 2
    fragile = operations.get(f"/api/v1/coverage/fragile{span}&gateway=attic").json()["items"]
    manufacturer, serial = fragile[0]["meter"].split()
    (reception,) = operations.get(f"/api/v1/coverage/meters/{manufacturer}/{serial}").json()
    assert (reception["gateway"], reception["frames"], reception["expected"]) == ("attic", 144, 144)
    assert operations.get("/api/v1/coverage/meters/KAM/99999999").status_code == 404
