"""A meter's life, its keys, and quarantine with a button to try again."""

import re

import pytest
from sqlalchemy import text

from meterhub.access.principal import SYSTEM
from meterhub.assets.keys import add_key
from tests.web.town import LEAKY, settings

KEY = "000102030405060708090A0B0C0D0E0F"


@pytest.fixture
def meter(site):
    with site.engine.connect() as connection:
        return connection.execute(
            text(
                "SELECT m.id, m.manufacturer, m.serial FROM meter m JOIN installation i ON i.meter_id = m.id "
                "JOIN metering_point p ON p.id = i.metering_point_id WHERE p.point_code = :code"
            ),
            {"code": LEAKY},
        ).one()


def life_of(meter):
    return f"/meters/{meter.manufacturer}/{meter.serial}"


def test_a_meters_life_shows_where_it_hangs_what_it_reported_and_its_reads(site, meter):
    with site.engine.begin() as connection:
        add_key(connection, SYSTEM, settings(), meter.id, KEY)
        connection.execute(
            text(
                """
                INSERT INTO coverage_day (day, meter_id, gateway_id, frames, expected, rssi_median_dbm,
                                          rssi_worst_dbm, first_at, last_at)
                SELECT max(at)::date, :m, (SELECT min(id) FROM gateway), 90, 96, -71, -88, min(at), max(at)
                FROM register_read WHERE meter_id = :m
                """
            ),
            {"m": meter.id},
        )
    page = site.browser("olga").get(life_of(meter)).text
    assert f'href="/points/{LEAKY}"' in page
    assert "Leak" in page
    assert "tower-north" in page
    assert "-71" in page
    assert "1 kept" in page
    assert KEY not in page.upper()
    assert page.count("<svg") == 6
    (read, *_) = re.findall(r'href="/reads/(\d+)"', page)
    assert site.browser("olga").get(f"/reads/{read}").status_code == 200
    assert "None is known" not in page


def test_a_meter_that_is_not_there_is_not_found(site):
    assert site.browser("olga").get("/meters/KAM/99999999").status_code == 404


def test_each_look_at_a_meter_is_on_record(site, meter):
    site.browser("olga").get(life_of(meter))
    with site.engine.connect() as connection:
        query = text("SELECT actor, subject FROM audit_event WHERE action = 'read-meter'")
        assert connection.execute(query).all() == [("olga", f"meter:{meter.manufacturer}:{meter.serial}")]


def test_keys_are_listed_by_what_they_lack_and_never_shown(site, meter):
    with site.engine.begin() as connection:
        add_key(connection, SYSTEM, settings(), meter.id, KEY)
        connection.execute(
            text(
                "UPDATE quarantine SET manufacturer = :m, serial = :s WHERE reason = 'key-wrong' "
                "AND raw_frame_id = (SELECT max(raw_frame_id) FROM quarantine WHERE reason = 'key-wrong')"
            ),
            {"m": meter.manufacturer, "s": meter.serial},
        )
    name = f"{meter.manufacturer} {meter.serial}"
    browser = site.browser("ada")
    listed = {state: browser.get(f"/keys?state={state}").text for state in ("all", "none", "waiting")}
    assert name in listed["all"]
    assert name in listed["waiting"]
    assert name not in listed["none"]
    one = browser.get(f"/keys/{meter.manufacturer}/{meter.serial}").text
    assert "Sealed under" in one
    assert not any(KEY in page.upper() for page in (*listed.values(), one))
    told = site.browser("olga")
    assert "Does a key fit?" not in told.get(f"/keys/{meter.manufacturer}/{meter.serial}").text


def test_a_key_is_tried_from_the_page_and_stored_nowhere(site, meter):
    browser = site.browser("ada")
    path = f"/keys/{meter.manufacturer}/{meter.serial}"
    wrong = browser.post(path, data={"key": "soon"})
    assert (wrong.status_code, "Not a key" in wrong.text) == (422, True)
    tried = browser.post(path, data={"key": KEY})
    assert "Not heard" in tried.text
    assert KEY not in tried.text.upper()
    with site.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM meter_key")).scalar_one() == 0
        query = text("SELECT count(*) FROM audit_event WHERE action = 'check-meter-key'")
        assert connection.execute(query).scalar_one() == 1


def test_quarantine_is_tried_again_by_a_button(site):
    browser = site.browser("olga")
    assert browser.get("/quarantine").text.count('action="/quarantine/retry"') == 3
    answer = browser.post("/quarantine/retry", data={"reason": "key-missing"})
    assert answer.headers["location"] == "/quarantine?asked=true"
    assert "being tried again" in browser.get("/quarantine?asked=true").text
    with site.engine.connect() as connection:
        query = text("SELECT args FROM procrastinate_jobs WHERE task_name = 'ingest.retry' ORDER BY id DESC")
        assert connection.execute(query).scalars().first() == {"reason": "key-missing"}
