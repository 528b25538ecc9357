"""Data records of EN 13757-3: a payload to items, and compact frames back to full records."""

from dataclasses import dataclass

from meterhub.wmbus.headers import Header, header_end, known_header, resolve, variable_size
from meterhub.wmbus.model import Diagnostic, Record, Value

FILLER = 0x2F
MANUFACTURER = 0x0F
MORE_FOLLOW = 0x1F


class Item:
    """A record as parsed: its header, data bytes, where the data starts, and the value."""

    __slots__ = ("header", "offset", "raw", "value")

    def __init__(self, header: Header, raw: bytes, offset: int, value: Value) -> None:
        self.header = header
        self.raw = raw
        self.offset = offset
        self.value = value

    def record(self) -> Record:
        """Return the public form."""
        header = self.header
        return Record(
            header.dif_vif,
            header.quantity,
            header.unit,
            self.value,
            header.function,
            header.storage,
            header.tariff_register,
            header.subunit,
            header.qualifiers,
            self.offset,
            self.raw,
        )


@dataclass(frozen=True, slots=True)
class Parsed:
    """All records of a payload, what follows a manufacturer DIF, and what was wrong."""

    items: tuple[Item, ...]
    manufacturer_data: bytes
    diagnostics: tuple[Diagnostic, ...]


def parse(data: bytes, base: int = 0) -> Parsed:
    """Parse all records; `base` is where `data` starts in the frame, for the diagnostics."""
    items: list[Item] = []
    problems: list[Diagnostic] = []
    tail = b""
    at, end = 0, len(data)
    known = known_header
    while at < end:
        dif = data[at]
        if dif == FILLER:
            at += 1
            continue
        if dif & 0x0F == 0x0F:
            if dif in (MANUFACTURER, MORE_FOLLOW):
                tail = data[at + 1 :]
            else:
                problems.append(Diagnostic("apl", "dif-reserved", base + at, f"DIF {dif:02X} is reserved"))
            break
        try:
            start = header_end(data, at)
            raw = data[at:start]
            header = known(raw) or resolve(raw)
            size = header.size
            if size < 0:
                size = 1 + variable_size(data[start])
        except IndexError:
            problems.append(Diagnostic("apl", "record-truncated", base + at, "the record header is cut off"))
            break
        except ValueError as error:
            problems.append(Diagnostic("apl", "record-invalid", base + at, str(error)))
            break
        after = start + size
        if after > end:
            message = f"record {header.dif_vif} needs {size} bytes, {end - start} are left"
            problems.append(Diagnostic("apl", "record-truncated", base + at, message))
            break
        field = data[start:after]
        items.append(Item(header, field, start, header.read(field)))
        at = after
    return Parsed(tuple(items), tail, tuple(problems))


def read_records(data: bytes) -> tuple[Record, ...]:
    """Return the public records of a payload."""
    return tuple(item.record() for item in parse(data).items)


def layout_of(parsed: Parsed) -> bytes:
    """Return DIF and VIF bytes in order: the format that a compact frame leaves out."""
    return b"".join(item.header.raw for item in parsed.items)


def rebuild(layout: bytes, data: bytes) -> bytes:
    """Join a format with the values of a compact frame to full records; ValueError if they do not fit."""
    parts: list[bytes] = []
    at = used = 0
    try:
        while at < len(layout):
            end = header_end(layout, at)
            header = resolve(layout[at:end])
            size = header.size if header.size >= 0 else 1 + variable_size(data[used])
            if used + size > len(data):
                raise ValueError(f"record {header.dif_vif} needs {size} bytes, {len(data) - used} are left")
            parts += (header.raw, data[used : used + size])
            at, used = end, used + size
    except IndexError:
        raise ValueError("the values end before the format does") from None
    if used != len(data):
        raise ValueError(f"{len(data) - used} bytes are left over behind the values of the format")
    return b"".join(parts)
