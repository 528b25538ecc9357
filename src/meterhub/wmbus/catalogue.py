"""What is known of each meter family, as Markdown: made from the drivers and from what they were tested with."""

import importlib
import pkgutil
import string
from calendar import month_name
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

from meterhub.wmbus import drivers
from meterhub.wmbus.driver import Driver, Match

_NO_READINGS = frozenset(("status",))
_TABLE_HEAD = ("| Family | Address | Modes | Tested | enc. | alarms | history |", "|---|---|---|---|---|---|---|")
_HEAD = """# Meters that are read

Made by `meterhub driver list --markdown` from the drivers in `src/meterhub/wmbus/drivers/` and the telegrams
in `firmware_fixtures/`; do not edit. Meters that no driver claims are read by the generic one: every standard
record by its meaning, and `total_m3` where there is one total.

- **Address**: maker code, device versions and device types in hex; "swapped" means version and type are sent
  first, as Diehl does.
- **Readings**: `{n}` stands for a number, `{Month}` for a month. The alarms of the status byte that all
  makers share (`low_battery`, `permanent_error`, `temporary_error`, `abnormal`) come on top.
- **Tested**: telegrams kept for it. *Synthetic* ones were built from the documented layout by our own encoder,
  *published* ones come from a specification or a protocol description, *captured* ones from a meter on air.
- **Modes**: security modes of these telegrams (0 none, 1 and above 15 the maker's own, ELL the extended link
  layer); *enc.* says that one was opened with a key or cipher, *alarms* that status bits were tested,
  *history* that registers of the past come with dates.
"""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One kept telegram: what it was read by, and what came out."""

    driver: str
    origin: str
    mode: int
    decrypted: bool
    readings: Sequence[str]
    alarms: Sequence[str]
    registers: int


def markdown(families: Iterable[Driver], evidence: Iterable[Evidence]) -> str:
    """Return the page on all families."""
    by_driver: dict[str, list[Evidence]] = {}
    for entry in evidence:
        by_driver.setdefault(entry.driver, []).append(entry)
    named = sorted(families, key=lambda driver: driver.name)
    lines = [
        _HEAD,
        "| Family | Address | Modes | Tested | enc. | alarms | history |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [_row(driver, by_driver.get(driver.name, [])) for driver in named]
    for driver in named:
        lines += ["", f"## {driver.name}", "", *_details(driver, by_driver.get(driver.name, []))]
    return "\n".join(lines) + "\n"


def _row(driver: Driver, tested: Sequence[Evidence]) -> str:
    modes = " ".join(dict.fromkeys(_mode(entry) for entry in sorted(tested, key=lambda e: e.mode)))
    origins: dict[str, int] = {}
    for entry in tested:
        origins[entry.origin] = origins.get(entry.origin, 0) + 1
    cells = (
        f"[{driver.name}](#{driver.name})",
        "; ".join(map(address, driver.detect)) or "any",
        modes or "-",
        ", ".join(f"{count} {origin}" for origin, count in sorted(origins.items())) or "no",
        _tick(any(entry.decrypted for entry in tested)),
        _tick(any(entry.alarms for entry in tested)),
        _tick(any(entry.registers for entry in tested)),
    )
    return f"| {' | '.join(cells)} |"


def _tick(done: bool) -> str:
    return "yes" if done else "-"


def _mode(entry: Evidence) -> str:
    return "ELL" if entry.mode == 0 and entry.decrypted else str(entry.mode)


def address(entry: Match) -> str:
    """Return a match as text: maker, versions, types."""
    parts = [entry.manufacturer, _hex(entry.versions), _hex(entry.types)]
    return " ".join(parts) + (" swapped" if entry.swapped else "")


def _hex(codes: frozenset[int] | None) -> str:
    return "any" if codes is None else "/".join(f"{code:02X}" for code in sorted(codes))


def _details(driver: Driver, tested: Sequence[Evidence]) -> list[str]:
    names = {field.name for field in driver.fields}
    names |= {_numbered(name) for entry in tested for name in entry.readings if name not in _NO_READINGS}
    words = {*(driver.status or {}).values()}
    words |= {word for flags in driver.flags for word in flags.bits.values()}
    words |= {word for entry in tested for word in entry.alarms}
    lines = [_summaries()[driver.name], "", "Readings: " + ", ".join(f"`{name}`" for name in sorted(names))]
    if words:
        lines += ["", "Alarms: " + ", ".join(f"`{word}`" for word in sorted(words))]
    if driver.default_key is not None:
        lines += ["", "A key that the maker published is tried where none is known for the meter."]
    return lines


@cache
def _summaries() -> dict[str, str]:
    """Return the text at the head of each driver's file, by driver."""
    loaded = [
        importlib.import_module(f"{drivers.__name__}.{module.name}")
        for module in pkgutil.iter_modules(drivers.__path__)
    ]
    return {module.DRIVER.name: (module.__doc__ or "").strip() for module in loaded if hasattr(module, "DRIVER")}


def _numbered(name: str) -> str:
    """Return a name with its number or month replaced, so that a history takes one line."""
    return "_".join(map(_generalised, name.split("_")))


def _generalised(part: str) -> str:
    if part in month_name[1:]:
        return "{Month}"
    return "{n}" if part and not part.strip(string.digits) else part
