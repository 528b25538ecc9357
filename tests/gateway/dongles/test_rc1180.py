"""The RC1180 codec: bare frames and a configuration prompt."""

import pytest

from meterhub.gateway.dongle import LinkMode, ReceivedFrame, SetUpError
from meterhub.gateway.dongles.rc1180 import RC1180
from tests.gateway.dongles.byte_streams import converse, feed_in_every_way, heard

FRAME = bytes.fromhex("0F44AE0C785634120107780B13436587")


def registers(mode: int = 0, rssi: int = 1, master: int = 0, speed: int = 5) -> str:
    memory = bytearray(256)
    memory[0x03], memory[0x05], memory[0x12], memory[0x30] = mode, rssi, master, speed
    return memory.hex()


def test_registers_that_differ_are_written_and_read_back() -> None:
    requests, info = converse(RC1180().set_up(LinkMode.T1), "", registers(), "", "", registers(2, 0, 1), "")
    assert [request.data.hex() for request in requests] == ["00", "30", "4d", "030205001201ff", "30", "58"]
    assert requests[-1].answer is None
    assert info is not None


def test_registers_that_are_right_are_not_written() -> None:
    requests, info = converse(RC1180().set_up(LinkMode.C1), "", registers(4, 0, 1), "")
    assert [request.data.hex() for request in requests] == ["00", "30", "58"]
    assert info is not None


def test_another_device_is_not_written_to() -> None:
    with pytest.raises(SetUpError, match="register 30 holds 00; this is another device"):
        converse(RC1180().set_up(LinkMode.T1), "", registers(speed=0))


def test_a_mode_that_is_not_taken_is_told() -> None:
    with pytest.raises(SetUpError, match="did not take link mode T1"):
        converse(RC1180().set_up(LinkMode.T1), "", registers(), "", "", registers())


def test_bare_frames_are_received_one_after_another() -> None:
    assert feed_in_every_way(RC1180, FRAME * 3) == [ReceivedFrame(FRAME)] * 3


def test_after_a_cut_frame_a_pause_brings_it_back_into_step() -> None:
    codec = RC1180()
    assert codec.feed(FRAME[:7]) == []
    codec.quiet()
    assert heard(codec.feed(FRAME)) == [FRAME]


def test_bytes_that_cannot_start_a_frame_are_passed_over() -> None:
    assert heard(feed_in_every_way(RC1180, b"\x00\x05\x20\x99" + FRAME)) == [FRAME]
