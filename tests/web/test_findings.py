"""The pages of reading quality: from the queue through a preview to an edit and back."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from meterhub.readings.jobs import roll_up
from meterhub.readings.repository import NewRead, store_reads
from meterhub.vee.jobs import check_arrivals
from tests.web.town import LEAKY, NOW


def work(site):
    for step in roll_up(site.engine):
        check_arrivals(site.engine, site.town.settings, step.changed_from, NOW)


@pytest.fixture
def spiked(site):
    """The town with one read that is far too high; gives the read's id."""
    at = NOW.astimezone(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=30, minutes=-30)
    with site.engine.begin() as connection:
        meter, volume = connection.execute(
            text(
                "SELECT r.meter_id, max(r.volume_ml) FROM register_read r JOIN installation i USING (meter_id) "
                "JOIN metering_point p ON p.id = i.metering_point_id WHERE p.point_code = :c GROUP BY 1"
            ),
            {"c": LEAKY},
        ).one()
        store_reads(connection, [NewRead(meter, at + timedelta(seconds=1), volume + 400_000_000)])
        query = "SELECT id FROM register_read WHERE meter_id = :m ORDER BY id DESC LIMIT 1"
        read_id = connection.execute(text(query), {"m": meter}).scalar_one()
    work(site)
    return read_id


def test_the_queue_shows_findings_by_rule_with_a_picture_and_what_to_do(site, spiked):
    html = site.browser("bo").get("/findings").text
    assert "Spike" in html
    assert "Set the read aside." in html
    assert 'class="mark"' in html


def test_a_read_is_edited_after_a_preview_and_the_edit_is_undone(site, spiked):
    browser = site.browser("bo")
    finding_id = re.search(r"/findings/(\d+)", browser.get("/findings").text).group(1)
    html = browser.get(f"/findings/{finding_id}").text
    assert f"/reads/{spiked}/edit?finding_id={finding_id}" in html
    preview = browser.get(f"/reads/{spiked}/edit?finding_id={finding_id}").text
    assert "No issued invoice rests on this read" in preview
    answer = browser.post(
        f"/reads/{spiked}/edit", data={"finding_id": finding_id, "volume_m3": "", "reason": "wrong digit"}
    )
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/points/{LEAKY}/edits"
    html = browser.get(f"/points/{LEAKY}/edits").text
    assert "wrong digit" in html
    assert "set aside" in html
    undo = re.search(r'action="(/points/[^"]+/undo)"', html).group(1)
    assert browser.post(undo, data={"reason": "it was right"}).status_code == 303
    html = browser.get(f"/points/{LEAKY}/edits").text
    assert "Undone" in html
    assert "Spike" in browser.get("/findings").text


def test_a_finding_is_dismissed_with_a_reason_and_not_without(site, spiked):
    browser = site.browser("olga")
    finding_id = re.search(r"/findings/(\d+)", browser.get("/findings").text).group(1)
    assert browser.post(f"/findings/{finding_id}/dismiss", data={"reason": " "}).status_code == 422
    assert browser.post(f"/findings/{finding_id}/dismiss", data={"reason": "a test"}).status_code == 303
    assert "a test" in browser.get(f"/findings/{finding_id}").text


def test_hours_are_edited_on_the_point_page_in_local_time(site):
    browser = site.browser("bo")
    first = (NOW - timedelta(days=2)).strftime("%Y-%m-%dT05:00")
    form = {"first_at": first, "hours": "3", "volume_m3": "0.010", "reason": "stood still"}
    assert browser.post(f"/points/{LEAKY}/edits/hours", data=form).status_code == 303
    work(site)
    with site.engine.connect() as connection:
        edited = connection.execute(text("SELECT volume_ml FROM hourly_volume WHERE quality = 4 ORDER BY hour"))
        assert edited.scalars().all() == [3333, 3333, 3334]
        start = connection.execute(text("SELECT first_at FROM hour_edit")).scalar_one()
    assert start == datetime.fromisoformat(first).replace(tzinfo=site.town.settings.tz)
    assert "3 h of" in browser.get(f"/points/{LEAKY}/edits").text


def test_who_may_only_read_sees_no_form(site, spiked):
    browser = site.browser("rita")
    assert "<form" not in re.sub(
        r'<form class="session".*?</form>', "", browser.get("/findings").text, flags=re.DOTALL
    )
    assert browser.get(f"/reads/{spiked}/edit").status_code == 403
