import pytest
from playwright.sync_api import expect

from meterhub.app import create_app
from tests.browser.server import serving
from tests.browser.visitor import DESK, PHONE, Visitor
from tests.web.seeded import seeded_town
from tests.web.town import LEAKY, NOW, PASSWORD

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def seeded(postgres):
    with seeded_town(postgres) as found:
        yield found


@pytest.fixture
def town(seeded):
    return seeded[1]


@pytest.fixture
def address(seeded):
    engine, town = seeded
    with serving(create_app(engine, town.settings, clock=lambda: NOW)) as url:
        yield url


@pytest.fixture(params=[PHONE, DESK], ids=["390", "1280"])
def visitor(chromium, request):
    context = chromium.new_context(viewport=request.param)
    yield Visitor(context.new_page())
    context.close()


def pages(town):
    return {
        "/": "Water used in town",
        "/?days=35": "Read success by day",
        "/points": LEAKY,
        "/points?q=Rantatie 1": LEAKY,
        f"/points/{LEAKY}": "Hours of each day",
        "/alerts": "Continuous flow",
        f"/alerts/{town.leak_alert}": "did not fall below",
        "/invoices": town.customer,
        f"/invoices/{town.invoice}": "How it was computed",
    }


def test_every_page_shows_its_content_without_sideways_scrolling_or_errors(visitor, address, town):
    visitor.log_in(address, "rita")
    for path, content in pages(town).items():
        visitor.page.goto(address + path)
        expect(visitor.page.get_by_text(content).locator("visible=true").first).to_be_visible()
        assert visitor.fits(), f"{path} is wider than the screen"
        assert visitor.page.locator("h1").count() == 1, path
        for chart in visitor.page.locator("svg.chart").locator("visible=true").all():
            assert chart.bounding_box()["width"] > 250, f"{path}: a picture is too small to read"
    assert visitor.complaints == []


def test_pictures_are_named_and_letters_in_them_stay_readable(visitor, address, town):
    visitor.log_in(address, "rita")
    visitor.page.goto(f"{address}/points/{LEAKY}")
    expect(visitor.page.get_by_role("img", name="Water used at P-00001, by the hour")).to_be_visible()
    smallest = visitor.page.evaluate(
        "Math.min(...[...document.querySelectorAll('svg.chart text')].map(t => t.getBoundingClientRect().height)"
        ".filter(h => h > 0))"
    )
    assert smallest >= 10


def test_somebody_in_operations_acknowledges_and_closes_an_alert_and_logs_out(visitor, address, town):
    page = visitor.page
    visitor.log_in(address, "olga")
    page.goto(f"{address}/quarantine")
    expect(page.get_by_text("Enter or import the meter's key").first).to_be_visible()
    assert visitor.fits()
    page.goto(f"{address}/alerts/{town.leak_alert}")
    page.get_by_label("Note, for example who was called").fill("Called, nobody at home")
    page.get_by_role("button", name="I look after it").click()
    expect(page.get_by_text("Called, nobody at home")).to_be_visible()
    expect(page.get_by_text("Acknowledged").first).to_be_visible()
    page.get_by_label("How it ended").select_option("resolved")
    page.get_by_label("Note, for example what was leaking").fill("Toilet valve replaced")
    page.get_by_role("button", name="Close the alert").click()
    expect(page.get_by_text("Closed: resolved")).to_be_visible()
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    page.goto(f"{address}/alerts")
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    assert visitor.complaints == []


def test_a_page_that_was_wanted_comes_after_logging_in_and_keys_alone_are_enough(visitor, address):
    page = visitor.page
    page.goto(f"{address}/points?q=Rantatie")
    expect(page.get_by_label("User name")).to_be_focused()
    page.keyboard.type("rita")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Metering points", level=1)).to_be_visible()
    assert page.url == f"{address}/points?q=Rantatie"
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    assert visitor.complaints == []


def test_text_and_buttons_stand_out_in_light_and_in_dark(chromium, address, town):
    for scheme in ("light", "dark"):
        context = chromium.new_context(viewport=DESK, color_scheme=scheme)
        visitor = Visitor(context.new_page())
        visitor.log_in(address, "rita")
        visitor.page.goto(f"{address}/alerts")
        for element in ("body", ".dim", ".card a", ".tag", "nav a[aria-current]", ".filters button"):
            ratio = visitor.page.evaluate(CONTRAST, element)
            assert ratio >= 4.5, f"{element} has a contrast of {ratio:.2f} in {scheme}"
        context.close()


# WCAG 2.2, 1.4.3: contrast of a text with the nearest background behind it
CONTRAST = """selector => {
  const rgb = text => text.match(/[\\d.]+/g).map(Number);
  const luminance = text => rgb(text).slice(0, 3).map(c => c / 255)
    .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const element = document.querySelector(selector);
  const clear = one => (rgb(getComputedStyle(one).backgroundColor)[3] ?? 1) === 0;
  let behind = element;
  while (behind.parentElement && clear(behind)) behind = behind.parentElement;
  const a = luminance(getComputedStyle(element).color);
  const b = luminance(getComputedStyle(behind).backgroundColor);
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}"""
