"""The CUL codec: lines whose checksums are checked here."""

import pytest

from meterhub.gateway.dongle import Garbage, LinkMode, ReceivedFrame, Response
from meterhub.gateway.dongles.cul import CUL
from tests.gateway.dongles.byte_streams import converse, feed_in_every_way

FORMAT_A = "0F44AE0C78563412010744 47780B134365871E6D".replace(" ", "")
FORMAT_B = "1444AE0C7856341201078C2027780B134365877AC5"
FRAME = bytes.fromhex("0F44AE0C785634120107780B13436587")
FRAME_B = bytes.fromhex("1244AE0C7856341201078C2027780B13436587")


def test_the_published_frames_come_out_without_checksums_and_with_strength() -> None:
    events = feed_in_every_way(CUL, f"b{FORMAT_A}8241\r\nbY{FORMAT_B}82F0\r\n".encode())
    assert events == [
        ReceivedFrame(FRAME, -41.5, 0x41, None),
        ReceivedFrame(FRAME_B, -82.0, 0xF0, LinkMode.C1),
    ]


@pytest.mark.parametrize(
    ("mode", "data", "answer"),
    [(LinkMode.S1, b"brs", b"SMODE"), (LinkMode.T1, b"brt", b"TMODE"), (LinkMode.CT, b"brc", b"CMODE")],
)
def test_setting_up_asks_the_version_and_switches_mode_and_strength_on(
    mode: LinkMode, data: bytes, answer: bytes
) -> None:
    version = b"V 1.67 nanoCUL868"
    requests, info = converse(CUL().set_up(mode), version.hex(), answer.hex())
    assert [request.data for request in requests] == [b"\r\nV\r\n", b"X21\r\n" + data + b"\r\n"]
    assert requests[1].answer == answer.decode()
    assert info is not None
    assert info.firmware == "V 1.67 nanoCUL868"


def test_answers_are_told_from_telegrams() -> None:
    events = feed_in_every_way(CUL, b"V 1.67 nanoCUL868\r\nCMODE\r\n")
    assert events == [Response("V", b"V 1.67 nanoCUL868"), Response("CMODE", b"CMODE")]


@pytest.mark.parametrize(
    "line",
    [
        f"b{FORMAT_A}824",
        f"b{FORMAT_A[:-8]}8241",
        f"b{FORMAT_A[:-1]}E8241",
        f"bY{FORMAT_B[:-1]}68241",
        "b",
        "b41",
        "bXYZ",
        "? (b is unknown)",
        "b\udcff".encode("utf-8", "surrogateescape").decode("latin-1"),
    ],
)
def test_damaged_and_foreign_lines_are_noise(line: str) -> None:
    (event,) = CUL().feed(line.encode("latin-1") + b"\r\n")
    assert isinstance(event, Garbage)


def test_a_line_without_an_end_is_given_up_after_a_pause() -> None:
    codec = CUL()
    assert codec.feed(b"b0F44") == []
    assert [type(event) for event in codec.quiet()] == [Garbage]


def test_a_line_that_never_ends_does_not_fill_the_memory() -> None:
    codec = CUL()
    events = [event for _ in range(20) for event in codec.feed(b"b" * 1000)]
    assert len(events) >= 9
