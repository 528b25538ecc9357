"""How fast telegrams are decoded, beside the Rust parser that `pymbusparser` wraps, on the same frames."""

import statistics
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pymbusparser

from meterhub.wmbus import Address, decode
from meterhub.wmbus.encode import DataRecord, ExtendedLink, Message, encode
from meterhub.wmbus.layouts import forget

_RUNS = 7
_COMPARED = ("mode5", "plain")  # the other parser opens neither mode 7 nor the extended link layer
_METERS = 10_000
_CLOCK = datetime.fromisoformat("2026-11-01 12:00")
_WATER = tuple(bytes.fromhex(header) for header in ("0413", "04933C", "046D", "02FD17"))
_KAMSTRUP = tuple(bytes.fromhex(header) for header in ("02FF20", "0413", "4413", "615B", "6167"))

Keys = dict[Address, bytes]


def _address(kind: str, number: int) -> Address:
    if kind == "ell-ctr":
        return Address("KAM", f"{number:08}", 0x1B, 0x16)
    return Address("SEN", f"{number:08}", 0x68, 0x07)


def _message(kind: str, number: int, key: bytes) -> Message:
    """Return one telegram of a meter: two encrypted blocks where blocks are encrypted."""
    total = Decimal(number * 7919 % 10_000_000) / 1000
    address = _address(kind, number)
    if kind == "ell-ctr":
        data = (0, total, total - total % 5, Decimal(number % 20), Decimal(18))
        records = tuple(DataRecord(header, value) for header, value in zip(_KAMSTRUP, data, strict=True))
        link = ExtendedLink(0x8D, 0x20, number & 255, session=(0x20000000 | number << 4).to_bytes(4, "little"))
        return Message(address, records, "none", extended=link, key=key)
    values = (total, Decimal(0), _CLOCK + timedelta(minutes=number % 60), 0)
    records = tuple(DataRecord(header, value) for header, value in zip(_WATER, values, strict=True))
    mode = {"mode5": 5, "mode7": 7, "plain": 0}[kind]
    extended = ExtendedLink(access_number=number & 255) if mode == 7 else None
    return Message(address, records, "short", None, number & 255, 0, mode, key, number + 1, extended)  # type: ignore[arg-type]  # mode comes from a table


def _town(kind: str, meters: int, telegrams: int) -> tuple[Keys, list[tuple[bytes, bytes]]]:
    """Return the keys of all meters, and telegrams (frame, key) of meters spread over all of them."""
    keys = {_address(kind, number): (number * 0x9E3779B97F4A7C15).to_bytes(16, "big") for number in range(meters)}
    step = max(1, meters // telegrams)
    chosen = [(index * step) % meters for index in range(telegrams)]
    sent = []
    for number in chosen:
        key = keys[_address(kind, number)]
        sent.append((encode(_message(kind, number, key)), key))
    return keys, sent


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
    """Yield one result a kind of telegram, then the cost of many meters against one."""
    for kind in ("mode5", "plain", "mode7", "ell-ctr"):
        forget()
        keys, sent = _town(kind, _METERS, _METERS)
        compared = kind in _COMPARED
        ours, theirs = _ours(keys, sent), _theirs(sent, keyed=kind != "plain")
        ours()
        rounds = [(_seconds(ours), _seconds(theirs) if compared else 0.0) for _ in range(_RUNS)]
        yield {
            "bench": f"decode-{kind}",
            "rate": round(len(sent) / statistics.median(mine for mine, _ in rounds)),
            "unit": "telegrams/s",
            "against": "pymbusparser.parse, same frames, same run"
            if compared
            else "nothing: it does not open these",
            "ratio": round(statistics.median(other / mine for mine, other in rounds), 2) if compared else None,
            "meters": _METERS,
            "runs": _RUNS,
            "clock": "processor",
        }
    yield _many_meters()


def _many_meters() -> dict[str, Any]:
    """Compare one meter with a million, the bounded tables being full of other meters than those measured."""
    many_keys, sent = _town("mode5", 1_000_000, 170_000)
    _ours(many_keys, sent[:70_000])()
    many_sent = sent[70_000:]
    one_keys, one_sent = _town("mode5", 1, 100_000)
    many, one = _ours(many_keys, many_sent), _ours(one_keys, one_sent)
    rounds = [(_seconds(one), _seconds(many)) for _ in range(5)]
    return {
        "bench": "decode-mode5-1000000-meters",
        "rate": round(len(many_sent) / statistics.median(many_time for _, many_time in rounds)),
        "unit": "telegrams/s",
        "against": "one meter, same run; ratio is the cost of a telegram",
        "ratio": round(statistics.median(many_time / one_time for one_time, many_time in rounds), 2),
        "meters": 1_000_000,
        "runs": 5,
        "clock": "processor",
    }
