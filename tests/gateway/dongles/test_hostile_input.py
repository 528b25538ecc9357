"""Any bytes into any codec, in any chunks, in any state: nothing raises, and no memory grows."""

import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meterhub.gateway.dongle import DongleModel
from meterhub.gateway.dongles import dongle_models
from tests.fuzz.fuzz_dongles import MODELS as FUZZED
from tests.fuzz.fuzz_dongles import _kept, check
from tests.gateway.dongles.recordings import load

MODELS = dongle_models()
MARKS = b'\xa5\xe2\x03\xff\x03\xc0\xdb\xdc\xddbY0\x0f\x44\x46>\r\n;[{"0x|'
"""Bytes that mean something to one codec or another."""
loud = st.binary(max_size=400) | st.lists(st.sampled_from(MARKS), max_size=400).map(bytes)


@pytest.mark.parametrize("place", range(len(FUZZED)), ids=[model.name for model in FUZZED])
@settings(max_examples=max(300, settings().max_examples))
@given(choices=st.binary(min_size=3, max_size=3), said=loud)
def test_no_bytes_raise_or_pass_for_a_frame(place: int, choices: bytes, said: bytes) -> None:
    check(bytes((place,)) + choices + said)


@pytest.mark.parametrize("name", MODELS)
@given(
    start=st.integers(0, 5000), flips=st.lists(st.tuples(st.integers(0, 4000), st.integers(1, 255)), max_size=8)
)
def test_damaged_recordings_raise_nothing(name: str, start: int, flips: list[tuple[int, int]]) -> None:
    place = [model.name for model in FUZZED].index(name)
    stream = bytearray(load(name).stream)
    for at, change in flips:
        stream[at % len(stream)] ^= change
    for choices in (b"\0\0\0", b"\0\x07\0", b"\0\x01\0"):
        check(bytes((place,)) + choices + bytes(stream[start % len(stream) :]))


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
@pytest.mark.parametrize("byte", sorted(set(MARKS)), ids=lambda byte: f"{byte:02x}")
def test_a_stream_that_never_ends_is_not_kept(model: DongleModel, byte: int) -> None:
    codec = model.new_codec()
    chunk = bytes((byte,)) * 8_192
    codec.feed(chunk)
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for _ in range(12):
        codec.feed(chunk)
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert _kept(codec) <= 4096
    assert after - before < 30_000


def test_the_fuzz_target_says_what_it_needs(tmp_path: Path) -> None:
    (tmp_path / "atheris.py").write_text("raise ModuleNotFoundError('atheris')\n")
    target = Path(__file__).parents[2] / "fuzz" / "fuzz_dongles.py"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run([sys.executable, target], capture_output=True, text=True, env=environment)
    assert done.returncode == 1
    assert "needs the package atheris" in done.stderr
