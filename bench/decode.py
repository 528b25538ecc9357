"""How fast telegrams are decoded, beside the Rust parser that `pymbusparser` wraps, on the same frames.

Also what a telegram costs by how it is protected, how the cost grows with the number of meters, and the
memory that a known meter takes.
"""

import gc
import random
import resource
import statistics
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pymbusparser

from meterhub.wmbus import Address, decode
from meterhub.wmbus.encode import DataRecord, ExtendedLink, Message, encode
from meterhub.wmbus.layouts import forget

_RUNS = 7
_COMPARED = ("mode5", "plain")
_ALONE = ("mode7", "ell-ctr", "compact")  # the other parser opens none of these
_KAMSTRUP_KINDS = ("ell-ctr", "compact")
_MANY = 1_000_000
_SAMPLE = 100_000
_WARM = 20_000
_METERS = 10_000
_CLOCK = datetime.fromisoformat("2026-11-01 12:00")
_WATER = tuple(bytes.fromhex(header) for header in ("0413", "04933C", "046D", "02FD17"))
_KAMSTRUP = tuple(bytes.fromhex(header) for header in ("02FF20", "0413", "4413", "615B", "6167"))

Keys = dict[Address, bytes]


def _address(kind: str, number: int) -> Address:
    if kind in _KAMSTRUP_KINDS:
        return Address("KAM", f"{number:08}", 0x1B, 0x16)
    return Address("SEN", f"{number:08}", 0x68, 0x07)


def _message(kind: str, number: int, key: bytes) -> Message:
    """Return one telegram of a meter: two encrypted blocks where blocks are encrypted."""
    total = Decimal(number * 7919 % 10_000_000) / 1000
    address = _address(kind, number)
    if kind in _KAMSTRUP_KINDS:
        data = (0, total, total - total % 5, Decimal(number % 20), Decimal(18))
        records = tuple(DataRecord(header, value) for header, value in zip(_KAMSTRUP, data, strict=True))
        link = ExtendedLink(0x8D, 0x20, number & 255, session=(0x20000000 | number << 4).to_bytes(4, "little"))
        return Message(address, records, "none", extended=link, key=key, compact=kind == "compact")
    values = (total, Decimal(0), _CLOCK + timedelta(minutes=number % 60), 0)
    records = tuple(DataRecord(header, value) for header, value in zip(_WATER, values, strict=True))
    mode = {"mode5": 5, "mode7": 7, "plain": 0}[kind]
    extended = ExtendedLink(access_number=number & 255) if mode == 7 else None
    return Message(address, records, "short", None, number & 255, 0, mode, key, number + 1, extended)  # type: ignore[arg-type]  # mode comes from a table


def _keys(kind: str, meters: int) -> Keys:
    return {_address(kind, number): (number * 0x9E3779B97F4A7C15).to_bytes(16, "big") for number in range(meters)}


def _town(kind: str, keys: Keys, telegrams: int) -> list[tuple[bytes, bytes]]:
    """Return telegrams (frame, key) of meters drawn at random."""
    chance = random.Random(20261121)
    sent = []
    for _ in range(telegrams):
        number = chance.randrange(len(keys))
        key = keys[_address(kind, number)]
        sent.append((encode(_message(kind, number, key)), key))
    return sent


def _seconds(work: Callable[[], None]) -> float:
    """Return processor seconds: both parsers use one thread, and neighbours shall not count."""
    start = time.process_time()
    work()
    return time.process_time() - start


def _ours(keys: Keys, sent: list[tuple[bytes, bytes]]) -> Callable[[], None]:
    lookup = keys.get

    def work() -> None:
        for frame, _ in sent:
            if not decode(frame, lookup).readings:
                raise AssertionError("a telegram was not read")

    return work


def _theirs(sent: list[tuple[bytes, bytes]], *, keyed: bool) -> Callable[[], None]:
    parse = pymbusparser.parse

    def work() -> None:
        for frame, key in sent:
            if keyed:
                parse(frame, key=key, include_enrichment=False)
            else:
                parse(frame, include_enrichment=False)

    return work


def run() -> Iterator[dict[str, Any]]:
    """Yield how cost and memory grow with the number of meters, then one result a kind of telegram."""
    yield from _many_meters()  # first, while no freed memory hides what it takes
    for kind in _COMPARED:
        yield _against_peer(kind)
    for kind in _ALONE:
        yield _against_plain(kind)


def _prepared(kind: str) -> tuple[Callable[[], None], list[tuple[bytes, bytes]]]:
    keys = _keys(kind, _METERS)
    sent = _town(kind, keys, _METERS)
    ours = _ours(keys, sent)
    ours()
    return ours, sent


def _result(name: str, telegrams: int, times: list[float], ratio: float, against: str) -> dict[str, Any]:
    return {
        "bench": name,
        "rate": round(telegrams / statistics.median(times)),
        "unit": "telegrams/s",
        "against": against,
        "ratio": round(ratio, 2),
        "meters": _METERS,
        "runs": len(times),
        "clock": "processor",
    }


def _against_peer(kind: str) -> dict[str, Any]:
    forget()
    ours, sent = _prepared(kind)
    theirs = _theirs(sent, keyed=kind != "plain")
    rounds = [(_seconds(ours), _seconds(theirs)) for _ in range(_RUNS)]
    ratio = statistics.median(other / mine for mine, other in rounds)
    times = [mine for mine, _ in rounds]
    return _result(f"decode-{kind}", len(sent), times, ratio, "pymbusparser.parse, same frames, same run")


def _against_plain(kind: str) -> dict[str, Any]:
    forget()
    plain, _ = _prepared("plain")
    ours, sent = _prepared(kind)
    rounds = [(_seconds(ours), _seconds(plain)) for _ in range(_RUNS)]
    ratio = statistics.median(mine / other for mine, other in rounds)
    times = [mine for mine, _ in rounds]
    return _result(
        f"decode-{kind}", len(sent), times, ratio, "plain telegrams, same run; ratio is the cost of one"
    )


def _resident() -> int:
    """Return the memory of this process [bytes], what the C libraries hold included."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def _many_meters() -> Iterator[dict[str, Any]]:
    """Compare meters heard in random order; what is measured has not been heard in the warm-up."""
    before = _resident()
    keys = _keys("mode5", _MANY)
    table = (_resident() - before) / _MANY
    sent = _town("mode5", keys, _WARM + _SAMPLE)
    before = _resident()
    many = _ours(keys, sent[_WARM:])
    _ours(keys, sent[:_WARM])()
    many()
    kept = max(0, _resident() - before) / _SAMPLE
    for meters in (1, 1000):
        few_keys = _keys("mode5", meters)
        few = _ours(few_keys, _town("mode5", few_keys, _SAMPLE))
        few()
        rounds = [(_seconds(few), _seconds(many)) for _ in range(_RUNS)]
        ratio = statistics.median(many_time / few_time for few_time, many_time in rounds)
        against = f"{meters} known, same run; ratio is the cost of a telegram"
        times = [many_time for _, many_time in rounds]
        yield _result(f"decode-mode5-{_MANY}-against-{meters}", _SAMPLE, times, ratio, against) | {"meters": _MANY}
    yield {
        "bench": "decode-memory-per-meter",
        "rate": round(table + kept),
        "unit": "bytes a known meter",
        "against": "1024 bytes; of these the caller's table of keys takes " + str(round(table)),
        "ratio": round((table + kept) / 1024, 2),
        "meters": _MANY,
        "runs": 1,
        "clock": "none",
    }
