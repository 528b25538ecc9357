"""The pages of gateways and coverage."""

import re

import pytest

from meterhub.kit.small_charts import shaded_table, sparkline
from tests.fleet.shown import show_fleet


@pytest.fixture
def shown(hub, clock):
    clock.now = clock.now.replace(minute=30)
    show_fleet(hub, clock())
    return hub


def test_the_list_shows_state_sparkline_alarms_and_who_may_do_what(shown):
    page = shown.browser(shown.token("operations")).get("/fleet").text
    assert "tower-north" in page
    assert "Silent" in page, "the pumping station has not been seen for hours"
    assert page.count('class="spark"') == 3
    assert "Clock wrong" in page
    assert "Enrol a gateway" not in page
    assert "I look after it" in page
    assert "Enrol a gateway" in shown.browser(shown.token("admin")).get("/fleet").text


def test_a_code_is_shown_once_and_enrols(shown):
    admin = shown.browser(shown.token("admin"))
    answer = admin.post("/fleet/codes", data={"name": "church", "place": "Bell tower"})
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    code = re.search(r"<code>([0-9A-Z-]{19})</code>", answer.text)[1]
    assert shown.client().post("/api/v1/gateway/enrolment", json={"code": code}).status_code == 201
    assert code not in admin.get("/fleet/church").text
    assert "Never seen" in admin.get("/fleet").text


def test_a_gateway_shows_dongles_history_and_what_hangs_on_it(shown):
    page = shown.browser(shown.token("operations")).get("/fleet/tower-north").text
    for expected in ("iM871A", "Telegrams heard by the hour", "Heard by this gateway alone", "Receiving"):
        assert expected in page
    assert "Lock this gateway out" not in page
    assert shown.browser(shown.token("operations")).get("/fleet/nowhere").status_code == 404


def test_an_administrator_changes_settings_rotates_and_locks_out(shown):
    admin = shown.browser(shown.token("admin"))
    wanted = {"keep": "quarter", "listed_only": "yes"}
    assert admin.post("/fleet/tower-north/settings", data=wanted).headers["location"] == "/fleet/tower-north"
    setting = shown.rows("SELECT keep, listed_only FROM gateway_setting")
    assert setting == [{"keep": "quarter", "listed_only": True}]
    assert admin.post("/fleet/tower-north/rotation").status_code == 303
    assert shown.rows("SELECT keep FROM gateway_setting") == [{"keep": "quarter"}]
    assert admin.post("/fleet/tower-north/revocation").status_code == 303
    assert "Locked out" in admin.get("/fleet").text


def test_somebody_in_operations_acknowledges_an_alarm(shown):
    browser = shown.browser(shown.token("operations"))
    (alarm,) = shown.rows("SELECT id FROM fleet_alarm WHERE kind = 'silent-gateway'")
    assert browser.post(f"/fleet/alarms/{alarm['id']}/acknowledge").status_code == 303
    assert "Acknowledged" in browser.get("/fleet").text
    assert "Alarms of gateways" in browser.get("/").text


def test_coverage_shows_gaps_fragile_meters_streets_and_what_if(shown):
    browser = shown.browser(shown.token("operations"))
    page = browser.get("/coverage").text
    for expected in (
        "Heard by one gateway only",
        "If a gateway went",
        "Streets in the dark",
        "nobody",
        "Kirkkotie",
    ):
        assert expected in page
    only = browser.get("/coverage?gateway=tower-north&days=7").text
    assert "Heard by tower-north only" in only


def test_pages_of_an_empty_fleet_say_what_to_do(hub):
    admin = hub.browser(hub.token("admin", "operations"))
    assert "No gateway is enrolled yet" in admin.get("/fleet").text
    assert "No gateway is enrolled yet" in admin.get("/coverage").text


def test_a_gateways_name_cannot_become_markup(hub):
    admin = hub.browser(hub.token("admin"))
    name = "<script>alert(1)</script>"
    admin.post("/fleet/codes", data={"name": name, "place": name})
    assert "<script>" not in admin.get("/fleet").text


def test_small_pictures_hold_odd_values():
    assert "None" not in sparkline([None, 0, 5, None], name="a", title="b")
    assert sparkline([], name="a", title="b").endswith("</svg>")
    drawn = shaded_table({"a<b": [0, 3]}, ["x", "y"], name="n", title="t", description="d", width=300)
    assert "a&lt;b" in drawn
    assert "level-5" in drawn
    assert shaded_table({}, [], name="n", title="t", description="d", width=300).endswith("</svg>")
