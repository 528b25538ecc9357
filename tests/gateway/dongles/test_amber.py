"""The Amber codec, against published byte sequences."""

import pytest

from meterhub.gateway.dongle import Garbage, LinkMode, ReceivedFrame, Response, SetUpError
from meterhub.gateway.dongles.amber import TELEGRAM, Amber, build, rssi_to_dbm
from tests.gateway.dongles.byte_streams import converse, feed_in_every_way, heard

FRAME = bytes.fromhex("0F44AE0C785634120107780B13436587")


def parameters(command_output: int, rssi_on: int) -> str:
    memory = bytearray(0x78)
    memory[0x05], memory[0x45] = command_output, rssi_on
    return "0078" + memory.hex()


def a_codec_that_is_set_up() -> Amber:
    codec = Amber()
    converse(codec.set_up(LinkMode.CT), parameters(1, 1), "0042A7F1", "020701", "00")
    return codec


def test_a_module_that_is_as_wanted_gets_the_link_mode_and_no_write_to_its_flash() -> None:
    requests, info = converse(Amber().set_up(LinkMode.CT), parameters(1, 1), "0042A7F1", "020701", "00")
    assert [request.data.hex().upper() for request in requests] == [
        "FF0A02008077",
        "FF0B00F4",
        "FF0C00F3",
        "FF040109F3",
    ]
    assert info is not None
    assert (info.serial, info.firmware, info.link_mode) == ("0042a7f1", "2.7.1", LinkMode.CT)


def test_what_is_off_is_switched_on_and_the_module_reset_once() -> None:
    requests, info = converse(
        Amber().set_up(LinkMode.CT),
        *(parameters(0, 0), "00", "00", "00", parameters(1, 1), "0042A7F1", "020701", "00"),
    )
    assert [request.data.hex().upper() for request in requests[1:4]] == [
        "FF0903050101F0",
        "FF0903450101B0",
        "FF0500FA",
    ]
    assert info is not None


@pytest.mark.parametrize(
    ("mode", "data"),
    [
        (LinkMode.CT, "FF040109F3"),
        (LinkMode.T1, "FF040108F2"),
        (LinkMode.S1, "FF040103F9"),
        (LinkMode.C1, "FF04010EF4"),
    ],
)
def test_each_link_mode_has_its_published_command(mode: LinkMode, data: str) -> None:
    requests, _ = converse(Amber().set_up(mode), parameters(1, 1), "", "", "00")
    assert requests[3].data.hex().upper() == data


@pytest.mark.parametrize(
    ("payloads", "message"),
    [
        (["0004000000"], "do not reach parameter 05"),
        ([parameters(1, 0), "01"], "set parameter failed with status 01"),
        ([parameters(1, 0), "00", "00", parameters(1, 0)], "stays off; power-cycle"),
        ([parameters(1, 1), "", "", "01"], "link mode C/T failed with status 01"),
    ],
)
def test_what_it_cannot_be_set_to_is_told(payloads: list[str], message: str) -> None:
    with pytest.raises(SetUpError, match=message):
        converse(Amber().set_up(LinkMode.CT), *payloads)


def test_published_responses_are_recognised() -> None:
    events = feed_in_every_way(Amber, bytes.fromhex("FF8401007A" + "FF8501007B"))
    assert events == [Response("84", b"\x00"), Response("85", b"\x00")]


def test_the_strength_behind_a_telegram_is_cut_off_and_told() -> None:
    events = feed_in_every_way(a_codec_that_is_set_up, build(TELEGRAM, FRAME[1:] + b"\x06"))
    assert events == [ReceivedFrame(FRAME, -71.0, 6, LinkMode.CT)]


@pytest.mark.parametrize(("raw", "dbm"), [(0, -74.0), (127, -10.5), (128, -138.0), (255, -74.5)])
def test_strength_follows_the_vendors_formula(raw: int, dbm: float) -> None:
    assert rssi_to_dbm(raw) == dbm


def test_a_telegram_is_not_guessed_at_before_it_is_known_how_it_ends() -> None:
    assert [type(event) for event in Amber().feed(build(TELEGRAM, FRAME[1:]))] == [Garbage]


def test_noise_a_zero_length_and_a_bad_checksum_cost_no_telegram() -> None:
    good = build(TELEGRAM, FRAME[1:] + b"\x06")
    bad = good[:-1] + bytes((good[-1] ^ 1,))
    stream = b"\x00\xff\xff\x03\x00" + good + bad + good
    events = feed_in_every_way(a_codec_that_is_set_up, stream + bytes(64))
    assert heard(events) == [FRAME, FRAME]


def test_half_a_message_is_given_up_after_a_pause() -> None:
    codec = a_codec_that_is_set_up()
    good = build(TELEGRAM, FRAME[1:] + b"\x06")
    codec.feed(good[:-5])
    assert codec.quiet()
    assert heard(codec.feed(good)) == [FRAME]
