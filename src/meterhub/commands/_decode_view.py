"""A decoded telegram for people: who sent it, what it says, and what each byte is for."""

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from itertools import groupby

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from meterhub.commands._decode_advice import named
from meterhub.commands._decode_requests import Outcome, Place
from meterhub.wmbus import SecurityResult, Telegram
from meterhub.wmbus.annotate import Role
from meterhub.wmbus.media import medium_of
from meterhub.wmbus.model import Diagnostic, Reading

_BADGES = {
    SecurityResult.PLAIN: ("PLAIN", "bold white on blue", "nothing is encrypted"),
    SecurityResult.DECRYPTED: ("DECRYPTED", "bold black on green", ""),
    SecurityResult.KEY_MISSING: ("NO KEY", "bold black on yellow", "encrypted, and there is no key for it"),
    SecurityResult.KEY_WRONG: ("WRONG KEY", "bold white on red", "the key given does not open it"),
    SecurityResult.UNSUPPORTED: ("NOT READ", "bold white on magenta", ""),
}
_PROBLEM_BADGES = {"bad-crc": "DAMAGED", "truncated": "INCOMPLETE", "bad-hex": "NOT HEX", "bad-json": "NOT JSON"}
_UNITS = {
    "m3": "m³",
    "m3h": "m³/h",
    "c": "°C",
    "k": "K",
    "kwh": "kWh",
    "mj": "MJ",
    "kw": "kW",
    "kvarh": "kvarh",
    "kvah": "kVAh",
    "v": "V",
    "a": "A",
    "hz": "Hz",
    "bar": "bar",
    "rh": "%",
    "pct": "%",
    "kg": "kg",
    "kgh": "kg/h",
    "dbm": "dBm",
    "s": "s",
    "min": "min",
    "h": "h",
    "d": "d",
    "month": "months",
    "y": "years",
}
_LAYERS = {
    "dll": ("link layer", "cyan"),
    "ell": ("extended link layer", "blue"),
    "afl": ("authentication and fragmentation", "magenta"),
    "tpl": ("transport layer", "yellow"),
    "apl": ("application layer", "green"),
}
_CRC_STYLE = "bright_black"
_NAME_STYLES = {
    "DIF": "bold cyan",
    "DIFE": "cyan",
    "VIF": "bold magenta",
    "VIFE": "magenta",
    "LVAR": "cyan",
    "encrypted": "yellow",
    "unread": "red",
    "filler": "bright_black",
}
_BYTES_A_LINE = 12
_DIGITS_WIDTH, _NAME_WIDTH = 2 * _BYTES_A_LINE + 2, 23


def show(console: Console, outcome: Outcome, roles: Sequence[Role] = (), place: Place | None = None) -> None:
    """Print one telegram, with its bytes where their roles are given."""
    if place is not None:
        console.rule(Text(f"{place.file}, line {place.line}", style="dim"), align="left", style="dim")
    if isinstance(outcome, Diagnostic):
        badge = _PROBLEM_BADGES.get(outcome.code, "NO TELEGRAM")
        console.print(_badge(badge, "bold white on red", outcome.message))
        return
    for line in header(outcome):
        console.print(line)
    if outcome.readings:
        console.print(Padding(readings_table(outcome), (1, 0, 0, 0)))
    for note in outcome.diagnostics:
        where = f" at byte {as_given(note.offset, roles)}" if roles else ""
        console.print(Text.assemble((f"{note.layer} {note.code}", "yellow"), f"{where}: {note.message}"))
    if roles:
        console.print(Padding(byte_table(roles), (1, 0, 0, 0)))


def show_advice(console: Console, sentences: Sequence[str]) -> None:
    """Print what to try next."""
    if not sentences:
        return
    console.print()
    console.print(Text("What to try next", style="bold underline"))
    table = Table.grid(padding=(0, 1))
    for sentence in sentences:
        table.add_row("→", Text(sentence))
    console.print(table)


def as_given(offset: int, roles: Iterable[Role]) -> int:
    """Return where a byte of the CRC-free frame stands in the frame as given."""
    for role in roles:
        if role.layer == "crc" and role.offset <= offset:
            offset += role.length
    return offset


def _badge(word: str, style: str, rest: str) -> Text:
    return Text.assemble((f" {word} ", style), "  ", rest)


def header(telegram: Telegram) -> Iterator[Text]:
    """Yield the lines that say who sent a telegram, how it was protected, and what is wrong with the meter."""
    meter = telegram.meter
    driver = "no driver of its own" if telegram.driver == "generic" else f"driver {telegram.driver}"
    facts = f"version {meter.device_version:02X}, type {meter.device_type:02X}, {driver}"
    yield Text.assemble((named(meter), "bold"), f"  {medium_of(meter)}  ", (facts, "dim"))
    link = telegram.link
    if named(link) != named(meter):
        yield Text(f"sent by {named(link)}, {medium_of(link)}", style="dim")
    word, style, explained = _BADGES[telegram.security]
    yield _badge(word, style, _protection(telegram, explained))
    if telegram.alarms:
        yield _badge("ALARM", "bold white on red", ", ".join(telegram.alarms).replace("_", " "))


def _protection(telegram: Telegram, explained: str) -> str:
    """Return how a telegram was protected, as far as that is known."""
    if any(note.code == "already-plain" for note in telegram.diagnostics):
        explained = "marked as encrypted, but decrypted before"
    mode = f"security mode {telegram.security_mode}" if telegram.security_mode else ""
    if not mode and telegram.security not in (SecurityResult.PLAIN, SecurityResult.UNSUPPORTED):
        mode = "AES-CTR of the extended link layer"
    return ", ".join(filter(None, (mode, explained)))


def readings_table(telegram: Telegram) -> Table:
    """Return the readings with their units."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="cyan")
    table.add_column()
    for name, value in telegram.readings.items():
        text, unit = value_and_unit(name, value)
        alarming = name == "status" and telegram.alarms
        main = "bold red" if alarming else "bold" if name == "total_m3" else ""
        table.add_row(name, Text(f"{text} {unit}".rstrip(), style=main))
    return table


def value_and_unit(name: str, value: Reading) -> tuple[str, str]:
    """Return a reading as text, and the unit that its name ends with."""
    if isinstance(value, str):
        return value, ""
    unit = _UNITS.get(name.rpartition("_")[2], "")
    return f"{value:f}" if isinstance(value, Decimal) else str(value), unit


def byte_table(roles: Sequence[Role]) -> RenderableType:
    """Return all bytes layer by layer: offset, bytes, what they are, what they say."""
    parts: list[RenderableType] = []
    layers = [
        (layer, [role for _, role in members])
        for layer, members in groupby(_with_layer(roles), key=lambda pair: pair[0])
    ]
    rows = [row for _, together in layers for row in _rows(together)]
    digits = max(sum(min(2 * role.length, 2 * _BYTES_A_LINE) + 1 for role in row) - 1 for row in rows)
    names = max(sum(len(role.name) + 1 for role in row) - 1 for row in rows)
    for layer, together in layers:
        title, style = _LAYERS[layer]
        table = Table.grid(padding=(0, 2))
        table.add_column(justify="right", style="dim", width=4)
        table.add_column(width=min(digits, _DIGITS_WIDTH))
        table.add_column(width=min(names, _NAME_WIDTH))
        table.add_column(ratio=1)
        for row in _rows(together):
            table.add_row(*_cells(row, style))
        opened = "  decrypted" if any(role.decrypted for role in together) else ""
        parts += [Text.assemble((f"▌ {title}", f"bold {style}"), (opened, "green")), table]
    return Group(*parts)


def _with_layer(roles: Iterable[Role]) -> Iterator[tuple[str, Role]]:
    """Yield roles with the layer they are shown under: CRCs stay within the layer they interrupt."""
    layer = "dll"
    for role in roles:
        layer = layer if role.layer == "crc" else role.layer
        yield layer, role


def _rows(roles: Iterable[Role]) -> Iterator[list[Role]]:
    """Yield the roles that share a line: the parts of one record, as long as no CRC comes between."""
    for record, members in groupby(roles, key=lambda role: role.record):
        if record is None:
            for role in members:
                yield [role]
        else:
            yield list(members)


def _cells(row: Sequence[Role], layer_style: str) -> tuple[str, Text, Text, Text]:
    digits, names = Text(), Text()
    for role in row:
        crc = role.layer == "crc"
        style = _CRC_STYLE if crc else _NAME_STYLES.get(role.name.partition(" (")[0], layer_style)
        content = role.content.hex().upper()
        pieces = [content[at : at + 2 * _BYTES_A_LINE] for at in range(0, len(content), 2 * _BYTES_A_LINE)]
        digits.append(("" if role is row[0] else " ") + "\n".join(pieces), style)
        names.append(("" if role is row[0] else " ") + role.name, style)
    return str(row[0].offset), digits, names, _said(row)


def _said(row: Sequence[Role]) -> Text:
    """Return what the bytes of a line say; of a record its value, and what the DIF adds to it."""
    last = row[-1]
    if len(row) == 1:
        return Text(last.value, style=_CRC_STYLE if last.layer == "crc" else "")
    said = Text(last.value)
    added = [word for word in row[0].value.split(", ")[1:] if word != "instantaneous"]
    if row[0].name == "DIF" and added:
        said.append(f"  {', '.join(added)}", "dim")
    return said
