import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from meterhub.commands.driver import app, evidence_in
from meterhub.wmbus import Address, decode
from meterhub.wmbus.catalogue import markdown
from meterhub.wmbus.draft import draft
from meterhub.wmbus.driver import Driver
from meterhub.wmbus.encode import DataRecord, Message, encode
from meterhub.wmbus.model import Telegram
from meterhub.wmbus.naming import name_items
from meterhub.wmbus.records import parse
from meterhub.wmbus.registry import all_drivers
from tests.wmbus.fixture_files import ROOT, fixtures

PAGE = ROOT.parent / "docs" / "supported-wmbus.md"
KEY = bytes(range(16))
UNKNOWN = Message(
    Address("XYZ", "12345678", 0x2A, 0x07),
    (
        DataRecord.of("0413", 12345),
        DataRecord.of("4413", 12000),
        DataRecord.of("426C", "2026-10-31"),
        DataRecord.of("02FD17", 4),
    ),
    mode=5,
    key=KEY,
)


def invoke(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, list(arguments))
    return result.exit_code, result.stdout, result.stderr


def loaded(source: str) -> Driver:
    space: dict[str, object] = {}
    exec(compile(source, "draft.py", "exec"), space)
    driver = space["DRIVER"]
    assert isinstance(driver, Driver)
    return driver


def test_the_page_of_supported_meters_is_up_to_date() -> None:
    assert PAGE.read_text() == markdown(all_drivers(), evidence_in(ROOT)), (
        "make it anew: meterhub driver list --markdown > docs/supported-wmbus.md"
    )


def test_the_page_names_every_family_and_what_it_was_tested_with() -> None:
    page = PAGE.read_text()
    for driver in all_drivers():
        assert f"## {driver.name}\n" in page
    rows = [line for line in page.splitlines() if line.startswith("| [")]
    assert len(rows) == len(all_drivers())
    assert [row for row in rows if "| no |" in row] == []


def test_the_list_has_a_line_for_each_family() -> None:
    code, out, _ = invoke("list")
    assert code == 0
    assert len(out.splitlines()) == len(all_drivers())
    assert "kamstrup-multical21: KAM 1B 06/16" in out


def test_without_the_kept_telegrams_the_page_cannot_be_made(tmp_path: Path) -> None:
    code, _, err = invoke("list", "--markdown", "--fixtures", str(tmp_path / "absent"))
    assert code == 2
    assert "--fixtures" in err


def test_a_draft_reads_what_the_generic_driver_reads_of_the_same_telegram() -> None:
    frame = encode(UNKNOWN)
    code, out, err = invoke("new", frame.hex(), "--key", KEY.hex())
    assert code == 0, err
    assert "docs/contributing-meter.md" in err
    driver = loaded(out)
    assert (driver.name, driver.detect[0].manufacturer) == ("xyz-2a07", "XYZ")
    telegram = decode(frame, KEY)
    named = name_items(driver, parse(telegram.payload).items, 0)
    assert named.readings["total_m3"] == telegram.readings["total_m3"]
    assert named.readings["target_date"] == "2026-10-31"
    assert named.alarms == ("unspecified",)


def readable() -> list[Telegram]:
    return [
        telegram
        for fixture in fixtures()
        if not fixture.name.startswith("_")
        for telegram in [decode(fixture.frames[0], fixture.key)]
        if telegram.records
    ]


@pytest.mark.parametrize("telegram", readable(), ids=lambda telegram: telegram.driver)
def test_a_draft_from_any_kept_telegram_is_a_driver(telegram: Telegram) -> None:
    source = draft(telegram)
    driver = loaded(source)
    assert driver.detect[0].fits(telegram.meter)
    assert re.match(r'"""\w+ .+ meter, version', source)
    readings = name_items(driver, parse(telegram.payload).items, 0).readings
    if "total_m3" in telegram.readings and any(record.dif_vif in ("0413", "0C13") for record in telegram.records):
        assert readings["total_m3"] == telegram.readings["total_m3"]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("zz",), "no draft: non-hexadecimal"),
        (("1944",), "no draft: 2 bytes"),
        ((encode(UNKNOWN).hex(),), "no usable key given"),
    ],
)
def test_what_cannot_be_drafted_is_said(arguments: tuple[str, ...], reason: str) -> None:
    code, out, err = invoke("new", *arguments)
    assert (code, out) == (1, "")
    assert reason in err
