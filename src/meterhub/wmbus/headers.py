"""Record headers of EN 13757-3: DIF, DIFE, VIF and VIFE resolved to a meaning and a reader.

A header is resolved once and kept in a bounded table, since meters send the same few for ever.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from meterhub.wmbus import values, vif_tables
from meterhub.wmbus.model import Value
from meterhub.wmbus.vif_tables import Meaning

_SIZES = (0, 1, 2, 3, 4, 4, 6, 8, 0, 1, 2, 3, 4, -1, 6, 0)
_FUNCTIONS = ("instantaneous", "maximum", "minimum", "during error")
_CACHE_LIMIT = 8192
_MAX_EXTENSIONS = 10


@dataclass(frozen=True, slots=True)
class Header:
    """A resolved record header; `size` is the length of the data field, -1 where the data says it."""

    raw: bytes
    dif_vif: str
    quantity: str
    unit: str
    kind: str
    factor: Decimal | None
    function: str
    storage: int
    tariff_register: int
    subunit: int
    qualifiers: tuple[str, ...]
    data_field: int
    size: int
    read: Callable[[bytes], Value]


_headers: dict[bytes, Header] = {}
known_header = _headers.get


def header_end(data: bytes, at: int) -> int:
    """Return where the header starting at `at` ends; IndexError where the data ends first."""
    byte = data[at]
    at += 1
    while byte & 0x80:
        byte = data[at]
        at += 1
    vif = byte = data[at]
    at += 1
    if vif & 0x7F == 0x7C:  # plain text unit: length and characters stand before any VIFE
        at += 1 + data[at]
        if vif & 0x80:
            byte = data[at]
            at += 1
    while byte & 0x80 and vif != 0x7C:
        byte = data[at]
        at += 1
    if at > len(data):
        raise IndexError(at)
    return at


def resolve(raw: bytes) -> Header:
    """Return the meaning of a record header; raises ValueError for more than ten extensions."""
    header = _headers.get(raw)
    if header is None:
        header = _resolve(raw)
        if len(_headers) >= _CACHE_LIMIT:
            _headers.clear()
        _headers[raw] = header
    return header


def _resolve(raw: bytes) -> Header:
    dif = raw[0]
    storage = dif >> 6 & 1
    tariff = subunit = at = 0
    while raw[at] & 0x80:
        dife = raw[at + 1]
        storage |= (dife & 15) << (1 + 4 * at)
        tariff |= (dife >> 4 & 3) << (2 * at)
        subunit |= (dife >> 6 & 1) << at
        at += 1
    if at > _MAX_EXTENSIONS:
        raise ValueError("more than ten DIFEs")
    meaning, rest = _meaning(raw[at + 1 :])
    if len(rest) > _MAX_EXTENSIONS:
        raise ValueError("more than ten VIFEs")
    qualifiers, exponent, absent, profile = _qualifiers(rest)
    data_field = dif & 15
    kind = "profile" if profile and data_field == 13 else meaning.kind
    factor = None
    if kind == "number":
        power = meaning.exponent + exponent
        factor = Decimal((0, (1,), power)) if power <= 0 else Decimal(10**power)
    return Header(
        raw=raw,
        dif_vif=raw.hex().upper(),
        quantity=meaning.quantity,
        unit=meaning.unit,
        kind=kind,
        factor=factor,
        function=_FUNCTIONS[dif >> 4 & 3],
        storage=storage,
        tariff_register=tariff,
        subunit=subunit,
        qualifiers=qualifiers,
        data_field=data_field,
        size=_SIZES[data_field],
        read=_nothing if absent else _reader(data_field, kind, factor),
    )


def _meaning(vifs: bytes) -> tuple[Meaning, bytes]:
    """Return what the VIF means and the VIFEs that qualify it."""
    vif = vifs[0]
    code = vif & 0x7F
    if code == 0x7C:
        size = vifs[1]
        return Meaning("plain text unit", values.text(vifs[2 : 2 + size])), vifs[2 + size :]
    if vif in (0xFB, 0xFD, 0xEF):
        name, table = {
            0xFB: ("FB", vif_tables.EXTENSION_FB),
            0xFD: ("FD", vif_tables.EXTENSION_FD),
            0xEF: ("EF", {}),
        }[vif]
        code = vifs[1] & 0x7F
        if vifs[1] == 0xFD and vif == 0xFD:
            name, table = "FDFD", vif_tables.EXTENSION_FD_FD
            vifs = vifs[1:]
            code = vifs[1] & 0x7F
        return table.get(code, Meaning(f"unknown_{name}{code:02X}")), vifs[2:]
    return vif_tables.PRIMARY.get(code, Meaning(f"unknown_{code:02X}")), vifs[1:]


def _qualifiers(vifes: bytes) -> tuple[tuple[str, ...], int, bool, bool]:
    """Return the names of the VIFEs, the power of ten they add, value absent, compact profile."""
    names: list[str] = []
    exponent = 0
    absent = profile = manufacturer = second = False
    for byte in vifes:
        code = byte & 0x7F
        if manufacturer:
            names.append(f"manufacturer {code:02X}")
        elif second:
            names.append(vif_tables.QUALIFIERS_SECOND.get(code, f"unknown_7C{code:02X}"))
            second = False
        elif code == 0x7C:
            second = True
        elif code == 0x7F:
            manufacturer = True
        elif 0x70 <= code <= 0x77:
            exponent += code - 0x76
        elif code == 0x7D:
            exponent += 3
        else:
            absent = absent or code in vif_tables.VALUE_ABSENT
            profile = profile or code in vif_tables.PROFILES
            names.append(vif_tables.QUALIFIERS.get(code, f"unknown_{code:02X}"))
    return tuple(names), exponent, absent, profile


def _nothing(raw: bytes) -> Value:
    """Read a data field that carries no value."""
    del raw
    return None


def _unsigned(raw: bytes) -> Value:
    """Read flags."""
    return int.from_bytes(raw, "little")


def _hex(raw: bytes) -> Value:
    """Keep bytes that only the maker or a profile reader understands."""
    return raw.hex()


def _reader(data_field: int, kind: str, factor: Decimal | None) -> Callable[[bytes], Value]:
    """Return the function that reads a data field of this kind."""
    size = _SIZES[data_field]
    if size == 0:
        return _nothing
    if data_field == 13:
        return _variable_reader(kind, factor)
    if kind == "date":
        return values.moment_text if size <= 6 else _nothing
    if kind == "identifier":
        return values.identifier
    if kind == "flags":
        return _unsigned
    if data_field == 5:
        return values.real if factor is None else _times(values.real, factor)
    read = values.bcd if data_field >= 9 else values.integer
    return read if factor is None else _times(read, factor)


def _times(read: Callable[[bytes], int | Decimal | None], factor: Decimal) -> Callable[[bytes], Value]:
    """Return a reader that scales; the product is exact, registers have at most 20 digits."""

    def scaled(raw: bytes) -> Value:
        number = read(raw)
        return None if number is None else number * factor

    return scaled


def _variable_reader(kind: str, factor: Decimal | None) -> Callable[[bytes], Value]:
    """Return a reader for data whose first byte (LVAR) says length and type."""

    def variable(raw: bytes) -> Value:
        lvar, body = raw[0], raw[1:]
        if lvar <= 0xBF:
            plain = kind in ("number", "text", "identifier") and all(
                31 < byte < 127 or byte > 159 for byte in body
            )
            return values.text(body) if plain else body.hex()
        if lvar <= 0xDF:
            number = values.bcd(body)
            if number is None:
                return None
            return (-number if lvar >= 0xD0 else number) * (factor or 1)
        return int.from_bytes(body, "little", signed=True) * (factor or 1)

    return variable


def variable_size(lvar: int) -> int:
    """Return how many bytes follow the LVAR byte; ValueError for reserved codes."""
    if lvar <= 0xBF:
        return lvar
    if lvar <= 0xC9:
        return lvar - 0xC0
    if 0xD0 <= lvar <= 0xD9:
        return lvar - 0xD0
    if 0xE0 <= lvar <= 0xEF:
        return lvar - 0xE0
    if 0xF0 <= lvar <= 0xF4:
        return 4 * (lvar - 0xEC)
    if lvar in (0xF5, 0xF6):
        return 48 if lvar == 0xF5 else 64
    raise ValueError(f"LVAR {lvar:02X} is reserved")
