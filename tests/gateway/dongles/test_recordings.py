"""The recorded byte streams of all dongles: fed whole, byte by byte, and cut anywhere."""

from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meterhub.gateway.dongle import ReceivedFrame
from meterhub.gateway.dongles import dongle_models
from tests.gateway.dongles.recordings import Recording, a_codec_set_up, events_of, recordings

RECORDINGS = recordings()
each = pytest.mark.parametrize("recording", RECORDINGS, ids=[recording.kind for recording in RECORDINGS])


def test_every_dongle_has_a_recording() -> None:
    assert {recording.kind for recording in RECORDINGS} == set(dongle_models())


@each
def test_it_tells_where_it_comes_from_and_holds_frames_and_noise(recording: Recording) -> None:
    assert recording.origin
    assert len([event for event in recording.events if "frame" in event]) >= 3
    assert any("noise" in event for event in recording.events)


@each
def test_the_set_up_goes_as_recorded(recording: Recording) -> None:
    _, found = a_codec_set_up(recording)
    assert asdict(found) == recording.found


@each
def test_fed_whole(recording: Recording) -> None:
    assert events_of(recording, [recording.stream]) == recording.events


@each
def test_fed_byte_by_byte(recording: Recording) -> None:
    stream = recording.stream
    assert events_of(recording, [stream[at : at + 1] for at in range(len(stream))]) == recording.events


@each
@given(data=st.data())
def test_cut_anywhere(recording: Recording, data: st.DataObject) -> None:
    stream = recording.stream
    cuts = sorted(data.draw(st.sets(st.integers(0, len(stream)), max_size=20)))
    chunks = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert events_of(recording, chunks) == recording.events


@each
@given(noise=st.lists(st.binary(max_size=40), max_size=6))
def test_noise_before_a_pause_costs_no_telegram_after_it(recording: Recording, noise: list[bytes]) -> None:
    """Programs pause within lines, so for them the noise must end with its line."""
    codec, _ = a_codec_set_up(recording)
    for chunk in noise:
        codec.feed(chunk)
    codec.quiet()
    if not recording.exchange:
        codec.feed(b"\n")
    heard = [event for event in codec.feed(recording.stream) if isinstance(event, ReceivedFrame)]
    wanted = [event["frame"] for event in recording.events if "frame" in event]
    assert [event.frame.hex().upper() for event in heard] == wanted
