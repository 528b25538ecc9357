import re

import pytest
from fastapi.testclient import TestClient

from meterhub.access.dependencies import SESSION_COOKIE
from meterhub.app import create_app
from meterhub.web.security import own_path
from tests.api.test_routes_and_roles import MAY_CALL
from tests.web.site import ORIGIN
from tests.web.town import LEAKY, NOW, PASSWORD, USERS, settings

PAGES = {
    "/": {"ada", "bo", "olga", "rita"},
    "/points": {"bo", "olga", "rita"},
    f"/points/{LEAKY}": {"bo", "olga", "rita"},
    "/alerts": {"bo", "olga", "rita"},
    "/alerts/1": {"bo", "olga", "rita"},
    "/invoices": {"bo", "rita"},
    "/invoices/2026-000001": {"bo", "rita"},
    "/invoices/2026-000001/pdf": {"bo", "rita"},
    "/quarantine": {"ada", "olga"},
    "/live": {"bo", "olga", "rita"},
    "/operations": {"ada", "olga"},
    "/keys": {"ada", "olga"},
}

OWN_SCRIPT = '<script src="/static/live.js" defer></script>'


def test_each_role_sees_its_pages_and_no_others_and_no_links_to_others(site):
    for user in USERS:
        browser = site.browser(user)
        for path, allowed in PAGES.items():
            answer = browser.get(path)
            assert answer.status_code == (200 if user in allowed else 403), f"{user} {path}"
            if answer.status_code == 403:
                assert "Whoever administers accounts" in answer.text
            if answer.headers["content-type"].startswith("text/html"):
                links = {"/" + link for link in re.findall(r'href="/([^"?#]*)', answer.text)}
                links = {link for link in links if not link.startswith("/static")}
                refused = {link for link in links if not _may(user, link)}
                assert not refused, f"{user} {path} links {refused}"


def _may(user, link):
    """Whether the table of routes lets a person follow a link."""
    patterns = {route: re.sub(r"\{[^}]*\}", "[^/]+", route.removeprefix("GET ")) for route in MAY_CALL}
    return any(
        MAY_CALL[route] & set(USERS[user])
        for route, pattern in patterns.items()
        if route.startswith("GET ") and re.fullmatch(pattern, link)
    )


def test_names_of_customers_are_only_for_those_who_may_see_them(site):
    point = _invoiced_point(site)
    assert site.town.customer in site.browser("rita").get(point).text
    assert site.town.customer not in site.browser("olga").get(point).text


def _invoiced_point(site):
    html = site.browser("rita").get("/points?q=MP-").text
    return re.search(r'href="(/points/MP-[^"]+)"', html)[1]


def test_without_a_session_every_page_leads_to_the_login_and_back(empty_site):
    browser = empty_site.browser()
    for path in PAGES:
        answer = browser.get(path)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/login")
    assert browser.get("/points?q=a b").headers["location"] == "/login?next=%2Fpoints%3Fq%3Da%2520b"
    wanted = {"username": "rita", "password": PASSWORD, "next": "/points?q=a%20b"}
    assert browser.post("/login", data=wanted).headers["location"] == "/points?q=a%20b"


@pytest.mark.parametrize(
    "path",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "/\t/evil.example",
        "javascript:alert(1)",
        "",
        "x",
        "/login",
    ],
)
def test_logging_in_never_leads_to_another_site(path):
    assert own_path(path) == "/"


def test_the_form_keeps_only_paths_of_this_hub(empty_site):
    html = empty_site.browser().get("/login", params={"next": "//evil.example"}).text
    assert "evil" not in html


def test_a_wrong_password_says_so_and_keeps_the_name_but_gives_no_cookie(empty_site):
    answer = empty_site.browser().post("/login", data={"username": "rita", "password": "guess"})
    assert answer.status_code == 401
    assert "do not match" in answer.text
    assert 'value="rita"' in answer.text
    assert SESSION_COOKIE not in answer.cookies


@pytest.mark.parametrize("secure", [True, False])
def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(empty_site, secure):
    app = create_app(
        empty_site.engine, settings().model_copy(update={"secure_cookies": secure}), clock=lambda: NOW
    )
    client = TestClient(app, follow_redirects=False, headers={"Origin": ORIGIN})
    cookie = client.post("/login", data={"username": "rita", "password": PASSWORD}).headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert ("secure" in cookie) is secure


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "", "Referer": "https://evil.example/x"},
        {"Origin": ""},
    ],
)
def test_a_form_of_another_site_is_refused_whoever_is_logged_in(site, headers):
    browser = site.browser("olga")
    path = f"/alerts/{site.town.leak_alert}"
    for target, data in (
        (f"{path}/acknowledge", {"note": "x"}),
        (f"{path}/close", {"outcome": "false"}),
        ("/logout", {}),
        ("/login", {"username": "ada", "password": PASSWORD}),
    ):
        answer = browser.post(target, data=data, headers=headers)
        assert answer.status_code == 403
        assert "set-cookie" not in answer.headers
    assert "Acknowledge" in browser.get(path).text


def test_a_browser_that_names_only_the_referring_page_is_understood(site):
    browser = site.browser("olga")
    path = f"/alerts/{site.town.leak_alert}/acknowledge"
    assert browser.post(path, headers={"Origin": "", "Referer": f"{ORIGIN}/alerts/1"}).status_code == 303


def test_logging_out_ends_the_session_not_just_the_cookie(site):
    browser = site.browser("rita")
    token = browser.cookies[SESSION_COOKIE]
    assert browser.post("/logout").headers["location"] == "/login"
    thief = site.browser()
    thief.cookies.set(SESSION_COOKIE, token)
    assert thief.get("/points").status_code == 303


def test_a_gateways_token_opens_no_page(empty_site):
    from meterhub.access import service
    from meterhub.access.principal import SYSTEM

    with empty_site.engine.begin() as connection:
        token = service.enrol_gateway(connection, SYSTEM, "tower")
    browser = empty_site.browser()
    browser.cookies.set(SESSION_COOKIE, token)
    assert browser.get("/").status_code == 403


def test_pages_have_no_scripts_no_inline_styles_and_tell_browsers_to_run_none(site):
    browser = site.browser("rita")
    for path in PAGES:
        answer = browser.get(path)
        if answer.headers["content-type"].startswith("text/html"):
            assert "default-src 'none'" in answer.headers["content-security-policy"]
            assert "unsafe" not in answer.headers["content-security-policy"]
            assert answer.headers["cache-control"] == "no-store"
            html = answer.text.replace(OWN_SCRIPT, "") if path == "/live" else answer.text
            assert not re.search(r"<script|<style|\sstyle=|\son\w+=", html), path
            assert ("script-src 'self'" in answer.headers["content-security-policy"]) == (path == "/live")


def test_what_customers_and_notes_say_is_shown_as_text(site):
    browser = site.browser("olga")
    path = f"/alerts/{site.town.leak_alert}"
    browser.post(f"{path}/acknowledge", data={"note": "<script>alert(1)</script>"})
    html = browser.get(path).text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "<script>" not in html
    search = browser.get("/points", params={"q": '"><img src=x>'}).text
    assert "<img src=x>" not in search


def test_who_only_reads_gets_no_forms_and_can_not_send_them(site):
    browser = site.browser("bo")
    path = f"/alerts/{site.town.leak_alert}"
    assert "<textarea" not in browser.get(path).text
    assert browser.post(f"{path}/close", data={"outcome": "false"}).status_code == 403
