from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meterhub.wmbus import Address, LinkFrame, SecurityResult, decode
from meterhub.wmbus.encode import DataRecord, ExtendedLink, Message, encode, encode_fragments
from meterhub.wmbus.reassembly import MOST_BYTES, Reassembler

KEY = bytes(range(16))
METER = Address("SEN", "12345678", 0x68, 0x07)
OTHER = Address("AXI", "87654321", 0x10, 0x07)


def message(meter: Address = METER, litres: int = 7704, mode: int = 7, history: int = 12) -> Message:
    """A message with a year of month ends, which no single frame holds."""
    months = tuple(
        DataRecord(bytes((0x84 | (storage & 1) << 6, storage >> 1, 0x13)), Decimal(storage))
        for storage in range(1, history)
    )
    return Message(
        meter,
        (DataRecord.of("0413", Decimal(litres) / 1000),),
        "short",
        None,
        litres & 0xFF,
        mode=mode,  # type: ignore[arg-type]
        key=KEY,
        message_counter=litres,
        extended=ExtendedLink(access_number=litres & 0xFF),
        plain_tail=months,
    )


def feed(collected: Reassembler, frames, start: float = 0.0) -> list[LinkFrame]:
    joined = (collected.add(frame, start + number) for number, frame in enumerate(frames))
    return [frame for frame in joined if frame is not None]


@pytest.mark.parametrize("mode", [0, 5, 7])
def test_a_message_is_joined_from_its_fragments(mode: int) -> None:
    frames = encode_fragments(message(mode=mode), 40)
    assert len(frames) >= 2
    (joined,) = feed(Reassembler(), frames)
    assert joined.format == "joined"
    telegram = decode(joined, KEY)
    assert telegram.readings["total_m3"] == Decimal("7.704")
    assert len(telegram.records) == 12
    assert telegram.diagnostics == ()
    assert telegram.security == (SecurityResult.DECRYPTED if mode else SecurityResult.PLAIN)


def test_a_joined_message_may_be_longer_than_any_frame() -> None:
    (joined,) = feed(Reassembler(), encode_fragments(message(mode=0, history=127), 100))
    assert len(joined.frame) > 600
    assert joined.frame[0] == 255
    assert len(decode(joined).records) == 127


def test_a_frame_that_is_no_fragment_is_handed_on() -> None:
    frame = encode(message(history=2))
    assert Reassembler().add(frame, 0.0) == LinkFrame(frame, "trimmed", "unknown")
    damaged = frame[:10] + b"\x90\xff"
    joined = Reassembler().add(damaged, 0.0)
    assert joined is not None
    assert joined.frame == damaged


@settings(max_examples=150)
@given(st.data())
def test_any_order_with_repetitions_and_other_meters_between_gives_each_message_once(data: st.DataObject) -> None:
    size = data.draw(st.integers(20, 90))
    sent = [encode_fragments(message(meter, 1000 + n), size) for n, meter in enumerate((METER, OTHER))]
    frames = [frame for frames in sent for frame in frames]
    frames += data.draw(st.lists(st.sampled_from(frames), max_size=6))
    joined = feed(Reassembler(), data.draw(st.permutations(frames)))
    telegrams = [decode(frame, KEY) for frame in joined]
    assert {(t.meter, t.readings["total_m3"]) for t in telegrams} == {
        (METER, Decimal("1.000")),
        (OTHER, Decimal("1.001")),
    }
    assert len(joined) == 2


@settings(max_examples=150)
@given(st.data())
def test_losses_never_give_a_message_that_was_not_sent(data: st.DataObject) -> None:
    sent = [encode_fragments(message(METER, litres), 45) for litres in range(5000, 5006)]
    frames = [frame for frames in sent for frame in frames if data.draw(st.booleans())]
    collected = Reassembler()
    totals = set()
    for frame in feed(collected, frames):
        telegram = decode(frame, KEY)
        if telegram.security is SecurityResult.DECRYPTED:
            totals.add(telegram.readings["total_m3"])
        else:
            assert telegram.readings == {}
    assert totals <= {Decimal(litres) / 1000 for litres in range(5000, 5006)}
    complete = encode_fragments(message(METER, 9999), 45)
    (last,) = feed(collected, [*complete, *complete], 10_000.0)
    assert decode(last, KEY).readings["total_m3"] == Decimal("9.999")


def test_fragments_that_stay_the_same_are_taken_again_in_the_next_message() -> None:
    first, second = (
        encode_fragments(replace(message(litres=litres, mode=0), access_number=0, extended=None), 30)
        for litres in (1000, 2000)
    )
    assert first[1:] == second[1:]
    joined = feed(Reassembler(), [*first, *first, *second, *second])
    assert [decode(frame).readings["total_m3"] for frame in joined] == [Decimal("1.000"), Decimal("2.000")]


def test_a_copy_by_a_repeater_is_a_repetition() -> None:
    frames = encode_fragments(message(), 40)
    copies = [frame[:11] + bytes((frame[11] | 0x10,)) + frame[12:] for frame in frames]
    pairs = [frame for pair in zip(frames, copies, strict=True) for frame in pair]
    collected = Reassembler()
    assert len(feed(collected, pairs)) == 1
    assert collected.given_up == 0


def test_a_message_that_does_not_end_in_time_is_given_up() -> None:
    frames = encode_fragments(message(), 40)
    collected = Reassembler(timeout_s=60)
    for frame in frames[:-1]:
        assert collected.add(frame, 0.0) is None
    assert collected.add(frames[-1], 61.0) is None
    assert collected.given_up == 1


def test_no_more_messages_are_open_than_allowed() -> None:
    collected = Reassembler(limit=10)
    for number in range(100):
        meter = replace_serial(number)
        assert collected.add(encode_fragments(message(meter), 40)[0], 0.0) is None
        assert len(collected) <= 10
    assert collected.given_up == 90


def replace_serial(number: int) -> Address:
    return METER._replace(serial=f"{number:08}")


def test_a_message_beyond_the_size_limit_is_given_up() -> None:
    long = replace(message(mode=0), records=(), application=b"\x2f" * (MOST_BYTES + 1), plain_tail=())
    frames = encode_fragments(long, 220)
    collected = Reassembler()
    assert feed(collected, frames) == []
    assert collected.given_up == 1


def test_a_joined_message_of_another_length_than_announced_is_refused() -> None:
    frames = encode_fragments(message(mode=0), 40)
    other = encode_fragments(message(mode=0, history=13), 40)
    assert len(frames) == len(other)
    (joined,) = feed(Reassembler(), [*frames[:-1], other[-1]])
    telegram = decode(joined)
    assert [entry.code for entry in telegram.diagnostics] == ["message-length"]
    assert telegram.readings == {}


def test_a_changed_fragment_fails_the_mac() -> None:
    frames = list(encode_fragments(message(), 40))
    frames[1] = frames[1][:-1] + bytes((frames[1][-1] ^ 1,))
    (joined,) = feed(Reassembler(), frames)
    telegram = decode(joined, KEY)
    assert telegram.security is SecurityResult.KEY_WRONG
    assert [entry.code for entry in telegram.diagnostics] == ["mac-mismatch"]


@pytest.mark.parametrize(
    ("sent", "size", "reason"),
    [
        (message(history=2), 200, "1 fragments"),
        (message(mode=0, history=127), 2, "2 to 255"),
        (replace(message(), extended=ExtendedLink(0x8D, session=b"\1\2\3\x20")), 40, "not built"),
    ],
)
def test_what_cannot_be_sent_in_fragments_is_refused(sent: Message, size: int, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        encode_fragments(sent, size)


def test_a_single_fragment_is_reported_when_decoded() -> None:
    telegram = decode(encode_fragments(message(), 40)[1], KEY)
    assert [entry.code for entry in telegram.diagnostics] == ["fragment"]
    assert telegram.security is SecurityResult.UNSUPPORTED
