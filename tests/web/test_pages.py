import re
from datetime import timedelta

import pytest
from sqlalchemy import text

from meterhub.web import queries, town
from tests.alerts.stored import store_point
from tests.web.town import BURST, LEAKY, NOW, SILENT


def test_the_overview_shows_what_came_in_what_is_open_and_who_is_silent(site):
    html = site.browser("olga").get("/").text
    assert "12\u202f630" in html  # telegrams of three gateways
    assert "of 8" in html  # installed meters
    assert "Silent" in html
    assert "harbour" in html
    assert "Key missing" in html
    assert "Water used in town, by the hour" in html


@pytest.mark.parametrize(
    ("user", "path", "advice"),
    [
        ("olga", "/", "No gateway is enrolled yet"),
        ("olga", "/", "No consumption is known"),
        ("bo", "/points", "Import them with"),
        ("bo", "/points?q=x", "list all points"),
        ("olga", "/alerts", "Nothing is open"),
        ("olga", "/alerts?state=closed", "Show what is open"),
        ("bo", "/invoices", "Start a billing run"),
        ("bo", "/invoices?q=1", "Numbers are taken whole"),
        ("olga", "/quarantine", "every frame that came in was read"),
    ],
)
def test_an_empty_page_says_what_to_do_next(empty_site, user, path, advice):
    assert advice in empty_site.browser(user).get(path).text


def test_points_are_found_by_code_serial_and_street_and_listed_page_by_page(site):
    browser = site.browser("rita")
    assert LEAKY in browser.get("/points", params={"q": "10000001"}).text
    assert LEAKY in browser.get("/points", params={"q": "rantatie 1"}).text
    assert LEAKY not in browser.get("/points", params={"q": "P-00002"}).text
    assert LEAKY not in browser.get("/points", params={"after": "P-00005"}).text


def test_a_point_shows_its_register_its_meters_alarms_and_its_alerts(site):
    html = site.browser("rita").get(f"/points/{LEAKY}").text
    assert "KAM 10000001" in html
    assert "Alarms of the meter itself" in html
    assert "Leak" in html
    assert "Continuous flow" in html
    assert html.count('class="mark"') == 2  # the alert's time, in both sizes


def test_a_silent_point_keeps_its_gap_and_an_unheard_one_says_where_to_look(site):
    html = site.browser("rita").get(f"/points/{SILENT}?days=14").text
    assert "The last read is older" in html
    with site.engine.begin() as connection:
        store_point(connection, 900)
    assert "Look for its serial in the quarantine" in site.browser("rita").get("/points/P-00900").text


def test_what_is_not_there_gets_a_page_that_says_so(site):
    browser = site.browser("rita")
    for path in ("/points/none", "/alerts/999", "/alerts/x", "/invoices/none", "/invoices/none/pdf"):
        answer = browser.get(path)
        assert answer.status_code == 404, path
        assert "There is no such page" in answer.text


def test_each_look_at_a_home_or_a_bill_is_logged_once(site):
    browser = site.browser("rita")
    before = len(site.audit("rita"))
    browser.get(f"/points/{LEAKY}")
    browser.get("/points/none")
    browser.get(f"/alerts/{site.town.leak_alert}")
    browser.get(f"/invoices/{site.town.invoice}")
    browser.get(f"/invoices/{site.town.invoice}/pdf")
    assert site.audit("rita")[before:] == [
        ("read-consumption", f"point:{LEAKY}"),
        ("read-alert", f"alert:{site.town.leak_alert}"),
        ("read-invoice", f"invoice:{site.town.invoice}"),
        ("read-invoice-pdf", f"invoice:{site.town.invoice}"),
    ]


def test_an_alert_is_acknowledged_and_closed_through_its_forms(site):
    browser = site.browser("olga")
    path = f"/alerts/{site.town.leak_alert}"
    assert browser.post(f"{path}/acknowledge", data={"note": " called "}).headers["location"] == path
    again = browser.post(f"{path}/acknowledge", data={"note": ""})
    assert again.status_code == 409
    assert "acknowledged already" in again.text
    assert browser.post(f"{path}/close", data={"outcome": "nonsense"}).status_code == 404
    assert browser.post(f"{path}/close", data={"outcome": "ended"}).status_code == 422
    assert browser.post(f"{path}/close", data={"outcome": "resolved", "note": "valve"}).status_code == 303
    html = browser.get(path).text
    assert "Closed: resolved" in html
    assert "called" in html
    assert '<form class="stack"' not in html


def test_alerts_are_filtered_by_state_and_severity(site):
    browser = site.browser("rita")
    assert LEAKY in browser.get("/alerts").text
    assert BURST not in browser.get("/alerts").text
    closed = browser.get("/alerts?state=closed&severity=high").text
    assert BURST in closed
    assert LEAKY not in closed


def test_an_invoice_shows_its_lines_its_sum_and_how_it_was_computed(site):
    html = site.browser("rita").get(f"/invoices/{site.town.invoice}").text
    assert "237.21" in html
    assert "m³" in html
    assert "Every step, computed again just now" in html
    assert "register read" in html
    pdf = site.browser("rita").get(f"/invoices/{site.town.invoice}/pdf")
    assert pdf.content.startswith(b"%PDF")


def test_invoices_are_found_by_their_number_the_customers_and_the_contracts(site):
    browser = site.browser("bo")
    row = browser.get("/invoices").text
    with site.engine.connect() as connection:
        numbers = connection.execute(
            text("SELECT number, customer_no, contract_no FROM invoice i JOIN customer u ON u.id = customer_id "
                 "JOIN contract c ON c.id = contract_id")
        ).one()  # fmt: skip
    assert numbers.number in row
    for search in numbers:
        assert numbers.number in browser.get("/invoices", params={"q": search}).text
    assert numbers.number not in browser.get("/invoices", params={"q": "2026"}).text


def test_quarantine_shows_reasons_and_frames_page_by_page(site):
    browser = site.browser("olga")
    html = browser.get("/quarantine?reason=key-wrong").text
    assert html.count("<details>") == 20
    assert "Check the key" in html
    first = browser.get("/quarantine").text
    assert first.count("<details>") == 25
    cursor = first.split("before=")[1].split('"')[0]
    assert browser.get(f"/quarantine?before={cursor}").text.count("<details>") == 25


def town_rows(engine, column):
    with engine.connect() as connection:
        return connection.execute(text(f"SELECT {column} FROM town_hour ORDER BY hour")).scalars().all()


def test_the_towns_hours_are_the_sums_of_its_meters(site):
    town.renew(site.engine, NOW)
    since = NOW - timedelta(days=30)
    with site.engine.connect() as connection:
        query = text("SELECT sum(volume_ml), count(*) FROM hourly_volume WHERE hour >= :s AND hour < :u")
        until = NOW.replace(minute=0, second=0, microsecond=0)
        expected = tuple(connection.execute(query, {"s": since, "u": until}).one())
        hours = town.hours(connection, since, until)
    assert (sum(row.volume_ml for row in hours), sum(row.meters for row in hours)) == expected
    assert all(row.heard <= row.meters <= row.installed for row in hours)


def test_late_reads_reach_the_towns_hours_within_a_round(site):
    town.renew(site.engine, NOW)
    with site.engine.begin() as connection:
        connection.execute(
            text(
                "UPDATE hourly_day SET volumes_ml = (SELECT array_agg(v + 1000 ORDER BY n) "
                "FROM unnest(volumes_ml) WITH ORDINALITY AS u (v, n))"
            )
        )
    before = sum(town_rows(site.engine, "volume_ml"))
    assert town.renew(site.engine, NOW + timedelta(minutes=1)) == 0  # fresh enough
    later = NOW
    for _ in range(town.SHOWN_DAYS + 1):
        later += timedelta(minutes=6)
        town.renew(site.engine, later)
    with site.engine.connect() as connection:
        raised = connection.execute(
            text("SELECT 1000 * count(*) FROM hourly_volume WHERE hour >= :s AND hour < :u"),
            {"s": NOW.replace(hour=0, minute=0) - timedelta(days=town.SHOWN_DAYS), "u": NOW.replace(minute=0)},
        ).scalar_one()
    assert sum(town_rows(site.engine, "volume_ml")) == before + raised


def test_the_count_of_meters_heard_follows_within_one_look(site):
    times = [NOW, NOW + timedelta(minutes=2), NOW + timedelta(minutes=2)]
    counts = []
    for now in times:
        site.app.state.clock = lambda now=now: now
        html = site.browser("rita").get("/").text
        counts.append(int(re.search(r"Meters heard in 24 h</p><p class=\"value\">(\d+)", html)[1]))
        with site.engine.begin() as connection:
            connection.execute(
                text(
                    "INSERT INTO register_read (meter_id, at, volume_ml, source) "
                    "SELECT max(meter_id), :at, 1, 'amr' FROM installation"
                ),
                {"at": NOW},
            )
    assert counts == [6, 6, 7]


def test_a_meter_that_only_people_read_was_not_heard(site):
    def heard():
        with site.engine.connect() as connection:
            return queries.heard(connection, NOW).read

    before = heard()
    with site.engine.begin() as connection:
        insert = (
            "INSERT INTO register_read (meter_id, at, volume_ml, source) "
            "SELECT max(meter_id), :at, 1, :source FROM installation"
        )
        connection.execute(text(insert), {"at": NOW, "source": "customer"})
    assert heard() == before
    with site.engine.begin() as connection:
        connection.execute(text(insert), {"at": NOW, "source": "amr"})
    assert heard() == before + 1
