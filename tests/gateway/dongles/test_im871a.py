"""The iM871A codec, against the published byte sequences and under all ways of cutting a stream."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from meterhub.gateway.dongle import Garbage, LinkMode, ReceivedFrame, Response, SetUpError
from meterhub.gateway.dongles.im871a import (
    DEVICE,
    IM871A,
    RADIO,
    TELEGRAM,
    Message,
    build,
    parse_config,
    rssi_to_dbm,
)

PUBLISHED_TELEGRAM = bytes.fromhex(
    "A5E20321442D2C997240631B168D20D941524723A80788478C04E0E10912179C5C9D67FAD697F70000002C0F"
)
PUBLISHED_FRAME = bytes.fromhex("21442D2C997240631B168D20D941524723A80788478C04E0E10912179C5C9D67FAD6")
PING_RESPONSE = bytes.fromhex("A58102004CA3")

frames = st.binary(min_size=9, max_size=255).map(lambda body: bytes((len(body),)) + body)


@st.composite
def radio_messages(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """A frame and the message that carries it."""
    frame = draw(frames)
    ticks = draw(st.none() | st.integers(0, 0xFFFFFFFF))
    rssi = draw(st.none() | st.integers(0, 255))
    return frame, build(Message(RADIO, TELEGRAM, frame[1:], ticks, rssi), crc=True)


def looks_like_a_telegram_without_crc(data: bytes) -> bool:
    return any(data[i] == 0xA5 and data[i + 1] in (0x02, 0x22, 0x42, 0x62) for i in range(len(data) - 1))


def heard(events: list[object]) -> list[bytes]:
    return [event.frame for event in events if isinstance(event, ReceivedFrame)]


def test_the_published_telegram_is_received_with_time_and_signal_strength() -> None:
    events = IM871A().feed(PUBLISHED_TELEGRAM)
    assert events == [ReceivedFrame(PUBLISHED_FRAME, rssi_to_dbm(0), 0, None, 0x0000F797)]


def test_the_published_responses_are_recognised() -> None:
    events = IM871A().feed(PING_RESPONSE + bytes.fromhex("A58104009CF7"))
    assert events == [Response("1:2", b""), Response("1:4", b"")]


def test_setting_up_sends_the_published_bytes() -> None:
    conversation = IM871A().set_up(LinkMode.CT)
    assert next(conversation).data.hex() == "a5010100"
    assert conversation.send(Response("1:2", b"")).data.hex() == "a5010f00"
    info = bytes.fromhex("3300140C34120022")
    assert conversation.send(Response("1:16", info)).data.hex() == "a501030600020a300100"
    assert conversation.send(Response("1:4", b"")).data.hex() == "a5010500"
    with pytest.raises(StopIteration) as stop:
        conversation.send(Response("1:6", bytes.fromhex("020A100100")[:3] + b"\x01"))
    assert (stop.value.value.serial, stop.value.value.firmware) == ("22001234", "14")


@pytest.mark.parametrize(
    ("mode", "code"), [(LinkMode.S1, 0x00), (LinkMode.T1, 0x03), (LinkMode.C1, 0x06), (LinkMode.CT, 0x0A)]
)
def test_each_link_mode_has_its_code(mode: LinkMode, code: int) -> None:
    conversation = IM871A().set_up(mode)
    next(conversation)
    conversation.send(Response("1:2", b""))
    request = conversation.send(Response("1:16", bytes.fromhex("3300140C34120022")))
    assert request.data == bytes((0xA5, 0x01, 0x03, 0x06, 0x00, 0x02, code, 0x30, 0x01, 0x00))


def set_up_with(mode: LinkMode, *payloads: str) -> None:
    conversation = IM871A().set_up(mode)
    next(conversation)
    for payload in payloads:
        conversation.send(Response("", bytes.fromhex(payload)))


def test_an_old_firmware_is_told_not_to_hear_both_modes() -> None:
    with pytest.raises(SetUpError, match="firmware 13 cannot receive C/T together; set link mode T1 or C1"):
        set_up_with(LinkMode.CT, "", "3300130C34120022")


def test_the_sibling_for_169_mhz_is_refused_by_name() -> None:
    with pytest.raises(SetUpError, match="iM170A"):
        set_up_with(LinkMode.T1, "", "3600140C34120022")


def test_a_short_device_information_is_an_error() -> None:
    with pytest.raises(SetUpError, match="3 bytes, expected 8"):
        set_up_with(LinkMode.T1, "", "330014")


def test_a_link_mode_that_reads_back_differently_is_an_error() -> None:
    with pytest.raises(SetUpError, match="did not take link mode T1"):
        set_up_with(LinkMode.T1, "", "3300140C34120022", "", "02001001")


def test_a_configuration_that_ends_early_is_an_error() -> None:
    with pytest.raises(SetUpError, match="ends before its last field"):
        parse_config(bytes.fromhex("FF00"))


def test_frames_name_the_link_mode_once_it_is_set() -> None:
    codec = IM871A()
    conversation = codec.set_up(LinkMode.T1)
    next(conversation)
    conversation.send(Response("1:2", b""))
    conversation.send(Response("1:16", bytes.fromhex("3300140C34120022")))
    conversation.send(Response("1:4", b""))
    with pytest.raises(StopIteration):
        conversation.send(Response("1:6", bytes.fromhex("02031001")))
    (event,) = codec.feed(PUBLISHED_TELEGRAM)
    assert isinstance(event, ReceivedFrame)
    assert event.link_mode is LinkMode.T1


def test_a_response_between_telegrams_disturbs_neither() -> None:
    events = IM871A().feed(PUBLISHED_TELEGRAM + PING_RESPONSE + PUBLISHED_TELEGRAM)
    assert [type(event) for event in events] == [ReceivedFrame, Response, ReceivedFrame]


@given(st.data())
def test_a_flipped_bit_is_noise_and_the_next_telegram_is_received(data: st.DataObject) -> None:
    bit = data.draw(st.integers(8, len(PUBLISHED_TELEGRAM) * 8 - 1))
    damaged = bytearray(PUBLISHED_TELEGRAM)
    damaged[bit // 8] ^= 1 << bit % 8
    assume(not looks_like_a_telegram_without_crc(bytes(damaged)))
    codec = IM871A()
    events = codec.feed(bytes(damaged) + PUBLISHED_TELEGRAM) + codec.quiet()
    assert heard(events) == [PUBLISHED_FRAME]


@given(st.lists(radio_messages(), max_size=8), st.data())
def test_chunks_of_any_size_give_the_same_frames(sent: list[tuple[bytes, bytes]], data: st.DataObject) -> None:
    stream = b"".join(message for _, message in sent)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=10)))
    pieces = [stream[i:j] for i, j in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    for chunks in ([stream], [bytes((byte,)) for byte in stream], pieces):
        codec = IM871A()
        events = [event for chunk in chunks for event in codec.feed(chunk)]
        assert heard(events) == [frame for frame, _ in sent]
        assert codec.quiet() == []


@given(st.lists(st.tuples(st.binary(max_size=40), radio_messages()), max_size=6))
def test_noise_between_telegrams_costs_none_of_them(sent: list[tuple[bytes, tuple[bytes, bytes]]]) -> None:
    assume(not any(looks_like_a_telegram_without_crc(noise + b"\xa5") for noise, _ in sent))
    codec = IM871A()
    events = codec.feed(b"".join(noise + message for noise, (_, message) in sent)) + codec.quiet()
    assert heard(events) == [frame for _, (frame, _) in sent]
    noise_seen = sum(len(event.data) for event in events if isinstance(event, Garbage))
    assert noise_seen == sum(len(noise) for noise, _ in sent)


@given(st.lists(st.binary(max_size=80) | radio_messages().map(lambda pair: pair[1][:-1]), max_size=10))
def test_no_bytes_raise_and_none_stay_behind(chunks: list[bytes]) -> None:
    codec = IM871A()
    for chunk in chunks:
        codec.feed(chunk)
    codec.quiet()
    assert codec.feed(PING_RESPONSE) == [Response("1:2", b"")]


def test_a_cut_off_message_does_not_swallow_the_next_one() -> None:
    codec = IM871A()
    assert codec.feed(PUBLISHED_TELEGRAM[:20]) == []
    assert heard(codec.quiet()) == []
    assert heard(codec.feed(PUBLISHED_TELEGRAM)) == [PUBLISHED_FRAME]


def test_a_response_without_a_checksum_identifies_nothing() -> None:
    events = IM871A().feed(build(Message(DEVICE, 2), crc=False))
    assert not any(isinstance(event, Response) for event in events)


def test_resetting_sends_the_reset_request() -> None:
    assert IM871A().reset().data.hex() == "a5010700"
