from decimal import Decimal

import pytest

from meterhub.wmbus import FormatStore, FrameError, decode, strip_crc
from tests.wmbus.fixture_files import Fixture, build, fixtures

FIXTURES = fixtures()
SYNTHETIC = [fixture for fixture in FIXTURES if "frame" in fixture.source]


def named(entry: Fixture) -> str:
    return entry.name


def outcome(frame: bytes, key: bytes | None, formats: FormatStore) -> dict[str, object]:
    try:
        telegram = decode(frame, key, formats)
    except FrameError as error:
        return {"error": error.code, "layer": error.layer, "offset": Decimal(error.offset)}
    meter = telegram.meter
    return {
        "meter": f"{meter.manufacturer} {meter.serial} {meter.device_version:02X} {meter.device_type:02X}",
        "driver": telegram.driver,
        "mode": Decimal(telegram.security_mode),
        "security": telegram.security.value,
        "readings": dict(telegram.readings),
        "alarms": list(telegram.alarms),
        "diagnostics": [f"{entry.layer} {entry.code} {entry.offset}" for entry in telegram.diagnostics],
    }


@pytest.mark.parametrize("fixture", FIXTURES, ids=named)
def test_each_kept_frame_gives_exactly_what_is_expected(fixture: Fixture) -> None:
    formats = FormatStore()
    answers = [outcome(frame, fixture.key, formats) for frame in fixture.frames]
    assert answers == fixture.expected


@pytest.mark.parametrize("fixture", SYNTHETIC, ids=named)
def test_a_synthetic_frame_is_rebuilt_from_its_description(fixture: Fixture) -> None:
    assert build(fixture.source) == fixture.frames


def test_the_fixtures_hold_every_family_that_is_simulated() -> None:
    drivers = {entry["driver"] for fixture in SYNTHETIC for entry in fixture.expected}
    assert drivers >= {
        "kamstrup-multical21",
        "sensus-iperl",
        "axioma-w1",
        "qundis-qwater",
        "apator-ultrimis",
        "diehl-hydrus",
    }


@pytest.mark.parametrize("fixture", FIXTURES, ids=named)
def test_a_frame_cut_at_any_byte_is_a_telegram_or_a_frame_error(fixture: Fixture) -> None:
    for frame in fixture.frames:
        for size in range(len(frame)):
            for cut in (frame[:size], bytes((max(size - 1, 0),)) + frame[1:size]):
                answer = outcome(cut, fixture.key, FormatStore())
                assert "security" in answer or answer["error"] in ("truncated", "bad-crc")


@pytest.mark.parametrize("fixture", [f for f in SYNTHETIC if f.source["frame"][0].get("mode") == 7], ids=named)
def test_a_flipped_bit_behind_the_link_header_never_passes_the_mac(fixture: Fixture) -> None:
    frame = strip_crc(fixture.frames[0]).frame
    good = decode(frame, fixture.key)
    for bit in range(8 * 36, 8 * len(frame), 7):
        damaged = bytearray(frame)
        damaged[bit // 8] ^= 1 << bit % 8
        telegram = decode(bytes(damaged), fixture.key)
        assert telegram.readings != good.readings
        assert "total_m3" not in telegram.readings
