import re
import xml.etree.ElementTree as ET
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from meterhub.kit.charts import TOP, Bar, Size, bar_chart, heat_map
from meterhub.web.pictures import heat_in_two_sizes, hourly_bars, local_midnight

HELSINKI = ZoneInfo("Europe/Helsinki")
START = datetime(2026, 1, 1, 22, tzinfo=UTC)  # midnight in Helsinki
HOUR = timedelta(hours=1)
SIZE = Size(1000, 200)


def chart(values, *, start=START, step=HOUR, **options):
    bars = [Bar(start + step * n, value) for n, value in enumerate(values)]
    settings = {
        "name": "c",
        "title": "Title",
        "description": "Said",
        "unit": "L/h",
        "zone": HELSINKI,
        "size": SIZE,
    }
    return bar_chart(bars, step, **(settings | options))


def texts(svg):
    return [element.text for element in ET.fromstring(svg).iter("text")]


def bars_drawn(svg, kind="measured"):
    paths = [p.get("d") for p in ET.fromstring(svg).iter("path") if kind in p.get("class")]
    return [tuple(map(float, found)) for path in paths for found in re.findall(r"M([\d.]+) [\d.]+V([\d.]+)", path)]


def test_a_picture_has_a_name_and_a_description_and_units_on_its_axis():
    svg = ET.fromstring(chart([1, 2], title="Use < 5 & more"))
    assert svg.get("role") == "img"
    named = {element.get("id"): element.text for element in svg if element.get("id")}
    assert [named[key] for key in svg.get("aria-labelledby").split()] == ["Use < 5 & more", "Said"]
    assert "L/h" in texts(chart([1, 2]))


def test_a_missing_value_is_a_gap_and_a_zero_draws_nothing_either_but_the_axis_goes_on():
    svg = chart([5, None, 0, 5])
    assert len(bars_drawn(svg)) == 2
    left, right = (x for x, _ in bars_drawn(svg))
    assert right - left == pytest.approx(3 * (1000 - 46 - 8) / 4, abs=0.2)


@given(st.lists(st.floats(0, 1e7), min_size=1, max_size=50))
@example([5e-324])
def test_no_bar_leaves_the_picture_and_the_highest_reaches_well_up(values):
    svg = chart(values)
    ys = [y for _, y in bars_drawn(svg)]
    assert all(TOP - 0.1 <= y <= SIZE.height for y in ys)
    if max(values) > 1e-6:
        assert min(ys) <= TOP + (SIZE.height - 22 - TOP) * 0.55


def test_days_are_labelled_at_local_midnights_also_when_clocks_change():
    start = datetime(2026, 3, 27, 22, tzinfo=UTC)
    svg = chart([1] * (4 * 24 - 1), start=start)
    assert [label for label in texts(svg) if re.fullmatch(r"\d+ Mar", label)] == [
        "28 Mar",
        "29 Mar",
        "30 Mar",
        "31 Mar",
    ]
    ticks = [float(e.get("x1")) for e in ET.fromstring(svg).iter("line") if e.get("class") == "tick"]
    widths = [round(b - a) for a, b in pairwise(ticks)]
    assert widths[1] == pytest.approx(widths[0] * 23 / 24, abs=1.5)


def test_nothing_at_all_says_so():
    assert "no data" in texts(chart([]))


def test_a_span_to_point_out_is_drawn_inside_the_picture_only():
    svg = ET.fromstring(
        chart([1] * 10, marks=[(START - HOUR, START + HOUR * 5), (START - HOUR * 9, START - HOUR * 8)])
    )
    [mark] = [element for element in svg.iter("rect") if element.get("class") == "mark"]
    assert float(mark.get("x")) == 46


def test_labels_do_not_run_into_each_other_on_a_phone():
    svg = chart([1] * 24 * 35, size=Size(350, 200))
    xs = [float(e.get("x")) for e in ET.fromstring(svg).iter("text") if re.fullmatch(r"\d+ \w{3}", e.text)]
    assert all(b - a >= 50 for a, b in pairwise(xs))
    assert max(xs) <= 350 - 40


def test_a_heat_map_puts_each_hour_into_its_level_and_leaves_unknown_hours_out():
    day = date(2026, 1, 1)
    cells = {(day, 0): 0.0, (day, 1): 4.9, (day, 2): 5.0, (day, 3): 1000.0, (day, 4): None}
    svg = heat_map(cells, name="h", title="T", description="D", unit="L/h", limits=(5, 20), size=SIZE)
    levels = {p.get("class"): p.get("d").count("M") for p in ET.fromstring(svg).iter("path")}
    assert levels == {"level-0": 1, "level-1": 1, "level-2": 1, "level-3": 1}
    assert {"0", "<5", "<20", "≥20"} <= set(texts(svg))


def test_the_doubled_hour_of_autumn_is_one_cell_and_the_missing_one_of_spring_is_empty():
    since = datetime(2025, 10, 25, 21, tzinfo=UTC)
    volumes = {since + HOUR * n: (1000 * n, 1) for n in range(25)}
    html = heat_in_two_sizes(volumes, since, since + HOUR * 25, name="h", description="D", zone=HELSINKI)
    wide = html.split("</svg>")[0] + "</svg>"
    assert wide.count("h") > 0
    assert sum(p.count("M") for p in re.findall(r' d="([^"]+)"', wide)) == 24


def test_hours_without_a_value_become_gaps():
    bars = hourly_bars({START + HOUR: (2000, 2)}, START, START + HOUR * 3, per=1000)
    assert [(bar.value, bar.kind) for bar in bars] == [
        (None, "measured"),
        (2.0, "interpolated"),
        (None, "measured"),
    ]


def test_a_local_day_begins_at_its_own_midnight():
    assert local_midnight(datetime(2026, 7, 1, 20, 30, tzinfo=UTC), HELSINKI) == datetime(
        2026, 6, 30, 21, tzinfo=UTC
    )
