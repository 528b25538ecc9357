"""The iU891A codec, against published byte sequences."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meterhub.gateway.dongle import Garbage, LinkMode, ReceivedFrame, Response, SetUpError
from meterhub.gateway.dongles.iu891a import GATEWAY, IU891A, TELEGRAM, build
from meterhub.gateway.slip import slip_decode, slip_encode
from tests.gateway.dongles.byte_streams import converse, feed_in_every_way, heard

PUBLISHED = bytes.fromhex("C009209F436D38000002E71844AE4C4455223368077A55000000041389E20100023B0000AF59C0")
FRAME = bytes.fromhex("1844AE4C4455223368077A55000000041389E20100023B0000")
START_CONFIG = "00 00 0800 0000 3200 A0BB0D00"


def test_the_published_telegram_is_received_with_strength_and_time() -> None:
    (event,) = feed_in_every_way(IU891A, PUBLISHED)
    assert event == ReceivedFrame(FRAME, -25.0, 0xE7, None, 0x386D439F)


def test_requests_are_those_published() -> None:
    requests, info = converse(
        IU891A().set_up(LinkMode.CT),
        "00 6E EFCDAB00",
        "00 0102",
        START_CONFIG,
        "00",
        "00 03 0E00 0000 3200 A0BB0D00",
    )
    assert requests[0].data == b"\xc0" * 30 + bytes.fromhex("C001030424C0")
    assert requests[2].data == bytes.fromhex("C00901D6C9C0")
    assert requests[3].data == bytes.fromhex("C009 03 03 0E00 0000 3200 A0BB0D00 AF61 C0")
    assert info is not None
    assert (info.model, info.serial, info.firmware) == ("iU891A", "efcdab00", "0102")


@pytest.mark.parametrize(
    ("payloads", "message"),
    [
        (["00 99 00000000"], "module type 99 is none of iM891A"),
        (["05"], "device info failed with status 05"),
        (["00 6E 00000000", "00", "00 0000"], "configuration of 2 bytes, expected 11"),
        (["00 6E 00000000", "00", START_CONFIG, "02"], "set config failed with status 02"),
        (["00 6E 00000000", "00", START_CONFIG, "00", START_CONFIG], "did not take link mode C/T"),
    ],
)
def test_what_it_cannot_be_set_to_is_told(payloads: list[str], message: str) -> None:
    with pytest.raises(SetUpError, match=message):
        converse(IU891A().set_up(LinkMode.CT), *payloads)


def test_a_message_with_a_wrong_checksum_is_noise_and_the_next_is_received() -> None:
    damaged = PUBLISHED[:20] + b"\x00" + PUBLISHED[21:]
    events = feed_in_every_way(IU891A, damaged + PUBLISHED)
    assert isinstance(events[0], Garbage)
    assert heard(events) == [FRAME]


def test_a_telegram_whose_length_contradicts_its_l_field_is_noise() -> None:
    events = IU891A().feed(build(GATEWAY, TELEGRAM, bytes(8) + FRAME + b"\x00"))
    assert [type(event) for event in events] == [Garbage]


def test_a_message_without_an_end_is_given_up_after_a_pause() -> None:
    codec = IU891A()
    codec.feed(PUBLISHED[:20])
    assert [type(event) for event in codec.quiet()] == [Garbage]
    assert heard(codec.feed(PUBLISHED)) == [FRAME]


@given(st.integers(0, 255), st.integers(0, 255).filter(lambda number: number != TELEGRAM), st.binary(max_size=300))
def test_any_message_survives_the_line(sap: int, number: int, body: bytes) -> None:
    assert IU891A().feed(build(sap, number, body)) == [Response(f"{sap}:{number}", body)]


@given(st.binary())
def test_slip_brings_back_what_it_took(packet: bytes) -> None:
    framed = slip_encode(packet)
    assert framed.count(b"\xc0") == 2
    assert slip_decode(framed[1:-1]) == packet


@pytest.mark.parametrize("framed", [b"\xdb", b"\xdb\x00", b"a\xdb\xdbb"])
def test_a_broken_escape_is_no_packet(framed: bytes) -> None:
    assert slip_decode(framed) is None
