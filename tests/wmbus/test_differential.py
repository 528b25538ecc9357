"""Every record beside another parser's; each disagreement is settled by the standard in `differential.py`."""

import json
import random
import struct
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from meterhub.wmbus import FormatStore, decode
from meterhub.wmbus.records import read_records
from tests.wmbus.differential import SETTLED, differences, settled

pytest.importorskip("pymbusparser", reason="the other parser is not installed")

CORPUS = Path(__file__).parents[3] / "shared" / "corpus"
SIZES = {1: 1, 2: 2, 3: 3, 4: 4, 5: 4, 6: 6, 7: 8, 9: 1, 10: 2, 11: 3, 12: 4, 14: 6}
DATES = {0x6C: (2,), 0x6D: (4, 6)}
SPECIAL = (
    "426CFF2C",  # 2023-12-31
    "426CE1F1",  # year 127: every year
    "426CFFFF",
    "426C0000",
    "026C3FC5",  # 1999
    "046D33125F31",  # the 31st
    "046DB32E3438",  # invalid by its flag
    "046D1E31B121",
    "066D18260AEB2500",
    "0D780837313238323239310413A7000000",
    "0E789986012401FF0413A7000000",
    "0DFFAA000B3030312D31313120333242",
    "8D04931E0A3AFE3300000033000000",
    "02FDAC7E1200",
    "81027C0349552305",
    "041300000080",
    "0C13FFFFFFFF04130A000000",
    "04AE2501000000",
)


def data(chance: random.Random, field: int) -> bytes:
    if field >= 9:
        return bytes(int(f"{chance.randrange(100):02}", 16) for _ in range(SIZES[field]))
    if field == 5:
        return struct.pack("<f", chance.randrange(-9999, 99999) / 8)
    return chance.randbytes(SIZES[field])


def primary(chance: random.Random) -> Iterator[bytes]:
    for vif in range(0x7B):
        for field in DATES.get(vif, SIZES):
            if vif in DATES or field != 5 or vif < 0x6C:
                yield bytes((field, vif)) + data(chance, field)


def extensions(chance: random.Random) -> Iterator[bytes]:
    for table in (0xFB, 0xFD):
        for code in range(0x80):
            if (table, code) != (0xFD, 0x7D):
                for field in (2, 4, 12):
                    yield bytes((field, table, code)) + data(chance, field)


def qualified(chance: random.Random) -> Iterator[bytes]:
    for vife in range(0x80):
        if vife not in (0x7C, 0x7F):
            for field in (2, 4, 12):
                yield bytes((field, 0x93, vife)) + data(chance, field)


def addressed(chance: random.Random) -> Iterator[bytes]:
    """Every function and any storage, tariff and subunit."""
    for _ in range(400):
        extension = bytes(chance.randrange(128) | 0x80 for _ in range(chance.randrange(4)))
        dif = 0x84 | chance.randrange(2) << 6 | chance.randrange(4) << 4
        yield bytes((dif,)) + extension + bytes((chance.randrange(128), 0x13)) + data(chance, 4)


def special(chance: random.Random) -> Iterator[bytes]:
    yield from map(bytes.fromhex, SPECIAL)


GROUPS = (primary, extensions, qualified, addressed, special)


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.__name__)
def test_generated_records_agree_or_the_standard_says_why_not(group) -> None:
    open_questions = []
    for payload in group(random.Random(13757)):
        for difference in differences(payload):
            if not settled(difference):
                open_questions.append((difference.aspect, difference.ours, difference.theirs))
    assert open_questions == []


def test_every_settled_disagreement_occurs() -> None:
    chance = random.Random(13757)
    occurring = {
        reason
        for group in GROUPS
        for payload in group(chance)
        for difference in differences(payload)
        for reason in settled(difference)
    }
    assert occurring == set(SETTLED)


def test_whole_telegrams_of_several_records_agree() -> None:
    chance = random.Random(7)
    for _ in range(500):
        fields = [chance.choice((0x13, 0x3B, 0x5A, 0x06, 0x2B)) for _ in range(chance.randint(1, 12))]
        payload = b"".join(
            bytes((field := chance.choice((2, 4, 12, 11)), vif)) + data(chance, field) for vif in fields
        )
        assert list(differences(payload)) == []
        assert len(read_records(payload)) == len(fields)


@pytest.mark.skipif(not CORPUS.exists(), reason="the corpus of real telegrams is not beside the checkout")
@pytest.mark.parametrize("name", ["water", "other"])
def test_records_of_real_telegrams_agree_or_the_standard_says_why_not(name: str) -> None:
    compared = 0
    open_questions = []
    for line in (CORPUS / f"{name}.jsonl").read_text().splitlines():
        case = json.loads(line)
        key = bytes.fromhex(case["key"]) if case["key"] else None
        formats = FormatStore()
        for frame in case["frames"]:
            telegram = decode(bytes.fromhex(frame), key, formats)
            if not telegram.records:
                continue
            compared += len(telegram.records)
            for difference in differences(telegram.payload):
                if not settled(difference):
                    open_questions.append((case["case"], difference.aspect, difference.ours, difference.theirs))
    assert open_questions == []
    assert compared > 300


def test_a_disagreement_that_nobody_settled_is_found(monkeypatch) -> None:
    monkeypatch.setattr("tests.wmbus.differential.read_records", altered)
    (difference,) = differences(bytes.fromhex("0413A7000000"))
    assert difference.aspect == "value"
    assert settled(difference) == set()


def altered(payload: bytes):
    from dataclasses import replace

    return tuple(replace(record, value=Decimal(1)) for record in read_records(payload))
