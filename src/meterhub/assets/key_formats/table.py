"""Tables of keys as text: separated by `;`, `,`, `|` or tabs, columns by their names in any order.

Names are compared without case, blanks and punctuation. Without a line of names a table has the columns
manufacturer, serial, key, or serial, key. Lists of Diehl, Sensus, Axioma, Itron and generic OMS lists come this
way; none of them is documented in public, so the usual names of four languages are taken, and others can be told.
"""

import csv
import io
from collections.abc import Mapping, Sequence

from meterhub.assets.key_formats.rows import KeyList, KeyListError, KeyRow, is_key, row_of

MANUFACTURER, SERIAL, KEY = "manufacturer", "serial", "key"
FIELDS = (MANUFACTURER, SERIAL, KEY)

_SEPARATORS = (";", "\t", ",", "|")
_TITLE_LINES = 10
_UNNAMED = {2: (SERIAL, KEY), 3: FIELDS}
_NAMES = {
    MANUFACTURER: (
        "manufacturer manufacturercode manufacturerid man mfr mfg maker vendor vendorid mfield flag hersteller "
        "herstellercode herstellerkennung valmistaja produsent fabrikant tillverkare"
    ),
    SERIAL: (
        "serial serialno serialnumber serialnr sn id meterid meterno meternumber deviceid devicenumber identno "
        "identnumber identification identificationnumber radioid radionumber radioaddress wmbusid mbusid "
        "secondaryaddress omsid omsaddress seriennummer seriennr zählernummer zaehlernummer zählernr zaehlernr "
        "gerätenummer geraetenummer fabriknummer fabrikationsnummer funknummer funkadresse sarjanumero "
        "mittarinnumero laitenumero serienummer målernummer målernr radionummer mätarnummer"
    ),
    KEY: (
        "key aes aeskey aes128 aes128key encryptionkey enckey decryptionkey dek dataencryptionkey meterkey "
        "devicekey individualkey radiokey wmbuskey mbuskey omskey schlüssel schluessel aesschlüssel "
        "aesschluessel funkschlüssel funkschluessel avain salausavain aesavain nøkkel aesnøkkel "
        "krypteringsnøkkel nyckel krypteringsnyckel"
    ),
}
_NAMES_OF: Mapping[str, frozenset[str]] = {field: frozenset(names.split()) for field, names in _NAMES.items()}


def text_of(content: bytes) -> str:
    """Return a file as text: UTF-8, UTF-16 with a byte order mark, or else Windows' western code page."""
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


def parse(text: str, columns: Mapping[str, str]) -> KeyList:
    """Return the keys of a table; `columns` gives the name in the file for some of `FIELDS`."""
    lines = _lines(text)
    titles, named = _named_columns(lines, columns)
    width = len(lines[titles - 1][1]) if named else None
    rows: list[KeyRow] = []
    faults: dict[str, str] = {}
    for number, cells in lines[titles:]:
        if not any(cells):
            continue
        place = f"line {number}"
        try:
            rows.append(_row(place, _fitted(cells, width), named))
        except ValueError as error:
            faults[place] = str(error)
    if not rows and not faults:
        raise KeyListError("there are no keys in the file")
    return KeyList(tuple(rows), faults)


def _lines(text: str) -> list[tuple[int, list[str]]]:
    """Return the number and the cells of each line."""
    head = "\n".join(text.splitlines()[:_TITLE_LINES])
    separator = max(_SEPARATORS, key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        return [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader]
    except csv.Error as error:
        raise KeyListError(f"line {reader.line_num} is not CSV: {error}") from None


def _named_columns(
    lines: Sequence[tuple[int, list[str]]], columns: Mapping[str, str]
) -> tuple[int, Mapping[str, int] | None]:
    """Return how many lines precede the keys and which column is which; None where no line names them."""
    for index, (_, cells) in enumerate(lines[:_TITLE_LINES]):
        if any(map(is_key, cells)):
            if columns:
                break
            return index, None
        found = {field: _places(field, cells, columns) for field in FIELDS}
        if found[SERIAL] and found[KEY]:
            return index + 1, {field: _only(field, places, cells) for field, places in found.items() if places}
    wanted = ", ".join(columns.get(field, field) for field in FIELDS)
    raise KeyListError(f"no line names the columns {wanted}: say what they are called (columns)")


def _places(field: str, cells: Sequence[str], columns: Mapping[str, str]) -> list[int]:
    names = {_plain(columns[field])} if field in columns else _NAMES_OF[field]
    return [place for place, cell in enumerate(cells) if _plain(cell) in names]


def _only(field: str, places: Sequence[int], cells: Sequence[str]) -> int:
    if len(places) > 1:
        names = " and ".join(repr(cells[place]) for place in places)
        raise KeyListError(f"{names} may both be the {field}: say which column it is (columns)")
    return places[0]


def _plain(name: str) -> str:
    return "".join(character for character in name.casefold() if character.isalnum())


def _fitted(cells: Sequence[str], width: int | None) -> Sequence[str]:
    """Return the cells of a row below names, as many as these; ValueError where cells are missing or left over."""
    if width is None or len(cells) == width:
        return cells
    if len(cells) < width or any(cells[width:]):
        raise ValueError(f"has {len(cells)} columns, the line of names has {width}")
    return cells[:width]


def _row(place: str, cells: Sequence[str], named: Mapping[str, int] | None) -> KeyRow:
    if named is None:
        fields = _UNNAMED.get(len(cells))
        if fields is None:
            raise ValueError(f"has {len(cells)} columns: manufacturer, serial, key or serial, key are needed")
        values = dict(zip(fields, cells, strict=True))
    else:
        values = {field: cells[at] for field, at in named.items()}
    return row_of(place, values.get(MANUFACTURER, ""), values[SERIAL], values[KEY])
