"""Frames kept in `firmware_fixtures/`: loading them, and building the synthetic ones from their description.

`python -m tests.wmbus.fixture_files` writes each `frames.hex` whose `source.toml` describes its frames.
"""

import json
import tomllib
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from meterhub.wmbus import Address
from meterhub.wmbus.encode import DataRecord, ExtendedLink, Message, encode, on_air
from meterhub.wmbus.headers import resolve
from tests.wmbus import proprietary

ROOT = Path(__file__).parents[2] / "firmware_fixtures"


@dataclass(frozen=True)
class Fixture:
    folder: Path
    source: dict[str, Any]
    frames: list[bytes]
    expected: list[dict[str, Any]]

    @property
    def key(self) -> bytes | None:
        return bytes.fromhex(self.source["key"]) if "key" in self.source else None

    @property
    def name(self) -> str:
        return str(self.folder.relative_to(ROOT))


def _load(source: Path) -> Fixture:
    folder = source.parent
    frames = [bytes.fromhex(line) for line in (folder / "frames.hex").read_text().split()]
    expected = json.loads((folder / "expected.json").read_text(), parse_float=Decimal, parse_int=Decimal)
    return Fixture(folder, tomllib.loads(source.read_text()), frames, expected)


def fixtures() -> list[Fixture]:
    return [_load(source) for source in sorted(ROOT.rglob("source.toml"))]


def address(text: str) -> Address:
    manufacturer, serial, version, device_type = text.split()
    return Address(manufacturer, serial, int(version, 16), int(device_type, 16))


def record(header: str, value: str) -> DataRecord:
    raw = bytes.fromhex(header)
    if value == "":
        return DataRecord(raw, None)
    if value.startswith("raw "):
        return DataRecord(raw, bytes.fromhex(value[4:]))
    kind = resolve(raw).kind
    if kind == "flags":
        return DataRecord(raw, int(value, 0))
    return DataRecord(raw, Decimal(value) if kind == "number" else value)


def message(description: dict[str, Any], key: bytes | None) -> Message:
    known = dict(description)
    extended = known.pop("extended", None)
    known.pop("on_air", None)
    return Message(
        link=address(known.pop("link")),
        meter=address(known.pop("meter")) if "meter" in known else None,
        records=tuple(record(*pair) for pair in known.pop("records", ())),
        plain_tail=tuple(record(*pair) for pair in known.pop("plain_tail", ())),
        manufacturer_data=bytes.fromhex(known.pop("manufacturer_data", "")),
        extended=ExtendedLink(
            extended["ci"],
            extended["cc"],
            extended["access_number"],
            session=bytes.fromhex(extended.get("session", "")),
        )
        if extended
        else None,
        key=key,
        **known,
    )


def build(fixture_source: dict[str, Any]) -> list[bytes]:
    key = bytes.fromhex(fixture_source["key"]) if "key" in fixture_source else None
    frames = []
    for description in fixture_source.get("frame", ()):
        if "protocol" in description or "body" in description:
            frames.append(proprietary.build(description, address, record, key))
            continue
        frame = encode(message(description, key))
        frames.append(on_air(frame, description["on_air"]) if "on_air" in description else frame)
    return frames


if __name__ == "__main__":
    for source in sorted(ROOT.rglob("source.toml")):
        built = build(tomllib.loads(source.read_text()))
        if built:
            (source.parent / "frames.hex").write_text("".join(f"{frame.hex().upper()}\n" for frame in built))
