"""Live reads over HTTP: everybody gets what they asked for, nobody misses any, the slow are let go."""

import asyncio
import json
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import httpx2
import pytest
from sqlalchemy import event, text

from meterhub.app import create_app
from meterhub.ingest.live import feed as feeds
from meterhub.ingest.live.feed import Feed, News, Watcher
from meterhub.ingest.live.queries import Tail, end_of_reads
from meterhub.kit.clock import utc_now
from meterhub.readings.repository import NewRead, store_reads
from meterhub.settings import Settings
from tests.api.hub import Hub
from tests.browser.server import serving


@pytest.fixture
def hub(engine) -> Hub:
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO gateway (name) VALUES ('tower'), ('school')"))
        connection.execute(
            text("INSERT INTO property (property_code, street, postal_code, city) VALUES ('H', 's', '1', 'c')")
        )
        connection.execute(
            text(
                "INSERT INTO meter (manufacturer, serial) SELECT 'KAM', lpad(n::text, 8, '0') "
                "FROM generate_series(1, 3) n"
            )
        )
        connection.execute(
            text(
                "INSERT INTO metering_point (point_code, property_id, services) "
                "SELECT 'P-' || n, 1, '{water}' FROM generate_series(1, 2) n"
            )
        )
        connection.execute(
            text(
                "INSERT INTO installation (meter_id, metering_point_id, valid) "
                "SELECT n, n, '[,)' FROM generate_series(1, 2) n"
            )
        )
    return Hub(engine, create_app(engine, Settings(master_key="11" * 32)))


def hear(engine, *meters, gateway=1, litres=1, ago=timedelta()):
    """Store reads as ingest does, in one transaction."""
    with engine.begin() as connection:
        reads = []
        for meter in meters:
            at = utc_now() - ago
            frame = connection.execute(
                text(
                    "INSERT INTO raw_frame (fingerprint, received_at, gateway_id, rssi_dbm, frame) "
                    "VALUES (1, :at, :gateway, -70, '\\x00') RETURNING id"
                ),
                {"at": at, "gateway": gateway},
            ).scalar_one()
            reads.append(NewRead(meter, at, 1_000 * litres, raw_frame_id=frame))
        store_reads(connection, reads)


def told(lines):
    """The events of a stream as (name, number, data)."""
    found, number, name = [], None, None
    for line in lines:
        if line.startswith("id: "):
            number = int(line[4:])
        elif line.startswith("event: "):
            name = line[7:]
        elif line.startswith("data: "):
            found.append((name, number, json.loads(line[6:])))
    return found


@contextmanager
def watching(address, token, query="", **headers):
    """A stream that is open: its first line is here."""
    with (
        httpx2.Client(timeout=20) as client,
        client.stream(
            "GET",
            f"{address}/api/v1/live/reads?seconds=4{query}",
            headers={"Authorization": f"Bearer {token}", **headers},
        ) as response,
    ):
        assert response.status_code == 200
        lines = response.iter_lines()
        assert next(lines).startswith("retry: ")
        yield lines


def test_each_watcher_gets_what_it_asked_for_within_seconds(hub):
    token = hub.token("operations")
    with (
        serving(hub.app) as address,
        watching(address, token) as everything,
        watching(address, token, "&point=P-1") as point,
        watching(address, token, "&meter=KAM:00000002") as meter,
        watching(address, token, "&gateway=school") as gateway,
    ):
        time.sleep(1.2)
        hear(hub.engine, 1, 2, 3)
        hear(hub.engine, 1, gateway=2, litres=5)
        got = [told(lines) for lines in (everything, point, meter, gateway)]
    assert [[data["serial"][-1] for _, _, data in events] for events in got] == [
        ["1", "2", "3", "1"],
        ["1", "1"],
        ["2"],
        ["1"],
    ]
    (_, _, last) = got[3][0]
    assert (last["gateway"], last["volume_m3"], last["point_code"], last["rssi_dbm"]) == (
        "school",
        "0.005",
        "P-1",
        -70,
    )
    assert got[0][2][2]["point_code"] is None
    assert {row["subject"] for row in hub.audit("watch-reads")} == {
        "points:all",
        "point:P-1",
        "meter:KAM:00000002",
    }


def test_who_comes_back_with_the_last_number_gets_what_came_in_meanwhile(hub):
    token = hub.token("operations")
    hear(hub.engine, 1)
    hear(hub.engine, 2, litres=2)
    hear(hub.engine, 1, litres=3)
    with serving(hub.app) as address, watching(address, token, **{"Last-Event-ID": "1"}) as lines:
        hear(hub.engine, 2, litres=4)
        events = told(lines)
    assert {data["volume_m3"] for _, _, data in events} == {"0.002", "0.003", "0.004"}
    assert all(number is not None for _, number, _ in events)


def test_a_transaction_that_commits_late_is_neither_missed_nor_passed_over(hub):
    def numbers(connection_rows):
        return [row.id for row in connection_rows]

    def look(tail):
        with hub.engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
            return numbers(tail.poll(connection, utc_now()))

    hear(hub.engine, 1)
    with hub.engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        tail = end_of_reads(connection, utc_now())
    with hub.engine.connect() as slow:
        store_reads(slow, [NewRead(2, utc_now(), 1)])  # takes number 2, commits last
        hear(hub.engine, 1)
        assert look(tail) == [3]
        assert tail.complete < 2, "who comes back now must get number 2"
        hear(hub.engine, 1)
        assert look(tail) == [4]
        slow.commit()
    assert look(tail) == [2]
    look(tail)
    assert tail.complete == 4
    assert look(tail) == []


def test_reads_that_are_under_way_when_watching_begins_are_news(hub):
    hear(hub.engine, 1)
    with hub.engine.connect() as slow:
        store_reads(slow, [NewRead(2, utc_now(), 1)])
        hear(hub.engine, 3)
        with hub.engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
            tail = end_of_reads(connection, utc_now())
        slow.commit()
    with hub.engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        assert [row.id for row in tail.poll(connection, utc_now())] == [2]


def test_a_watcher_that_does_not_keep_up_is_let_go_and_holds_little(monkeypatch):
    monkeypatch.setattr(feeds, "QUEUED_READS", 10)

    async def run():
        watcher = Watcher(lambda _: True)
        watcher.offer(News(tuple(range(8)), 8))
        assert not watcher.lost
        watcher.offer(News(tuple(range(8)), 16))
        assert watcher.lost
        assert watcher.waiting == 8

    asyncio.run(run())


def test_many_watchers_ask_the_database_as_often_as_one(hub):
    asked = []

    def note(_connection, _cursor, statement, *_):
        if "FROM register_read" in statement:
            asked.append(statement)

    async def run():
        feed = Feed(hub.engine, utc_now)
        watchers = [feed.watching(lambda _: True) for _ in range(50)]
        entered = [watcher.__enter__() for watcher in watchers]
        await feed.looking.wait()
        await asyncio.to_thread(hear, hub.engine, 1, 2)
        got = [await watcher.next(5) for watcher in entered]
        for watcher in watchers:
            watcher.__exit__(None, None, None)
        return got

    event.listen(hub.engine, "before_cursor_execute", note)
    started = time.monotonic()
    got = asyncio.run(run())
    assert [len(news.reads) for news in got] == [2] * 50
    assert len(asked) <= 3 + 2 * (time.monotonic() - started)


def test_a_full_house_and_wrong_questions_are_refused_before_the_stream_begins(hub, monkeypatch):
    client = hub.client("operations")
    for query in ("point_code=P-1", "meter=KAM", "seconds=99999"):
        assert client.get(f"/api/v1/live/reads?{query}").status_code == 422, query
    wrong = client.get("/api/v1/live/reads?seconds=0", headers={"Last-Event-ID": "soon"})
    assert wrong.status_code == 422
    monkeypatch.setattr(feeds, "WATCHERS", 0)
    busy = client.get("/api/v1/live/reads?seconds=0")
    assert (busy.status_code, busy.json()["code"]) == (503, "busy")


def test_the_page_shows_the_newest_reads_also_without_a_script(hub):
    hear(hub.engine, 1, litres=7)
    hear(hub.engine, 2, litres=8)
    browser = hub.browser(hub.token("operations"))
    page = browser.get("/live")
    assert page.text.index("0.008") < page.text.index("0.007")
    assert "script-src 'self'" in page.headers["Content-Security-Policy"]
    assert "0.008" not in browser.get("/live?point=P-1").text
    assert browser.get("/live?point=<script>").text.count("<script") == 1
    assert browser.get("/live/reads?seconds=0").headers["content-type"].startswith("text/event-stream")


def test_a_tail_of_an_empty_store_begins_at_nothing(engine):
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        assert end_of_reads(connection, datetime(2026, 1, 1, tzinfo=UTC)) is not None
        assert Tail(0).poll(connection, utc_now()) == []
