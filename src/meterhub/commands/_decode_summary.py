"""Many telegrams for people: one line each, and what they come to."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table
from rich.text import Text

from meterhub.commands._decode_advice import advice, named
from meterhub.commands._decode_requests import Outcome, Request
from meterhub.commands._decode_view import show_advice, value_and_unit
from meterhub.wmbus import Address, Telegram
from meterhub.wmbus.media import medium_of
from meterhub.wmbus.model import Diagnostic, Reading

_MAIN = ("total_m3", "total_volume_m3", "total_energy_consumption_kwh", "current_consumption_hca")
_NO_TELEGRAM = frozenset(("unknown-line", "no-telegram", "other-device", "no-column"))
_METERS_SHOWN = 40
_RANGES_SHOWN = 6


@dataclass(slots=True)
class Heard:
    """What was heard of one meter."""

    telegrams: int = 0
    decoded: int = 0
    driver: str = ""
    main: tuple[str, Reading] | None = None
    alarms: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Failed:
    """Frames that failed for one reason: where they stand, why the first did, and what to try."""

    message: str
    places: list[int]
    advice: tuple[str, ...]


@dataclass(slots=True)
class Tally:
    """Counts over all telegrams of a call, and over the lines of files that hold none."""

    lines: int = 0
    frames: int = 0
    decoded: int = 0
    meters: dict[Address, Heard] = field(default_factory=dict)
    failures: dict[str, Failed] = field(default_factory=dict)

    def add(self, request: Request, outcome: Outcome, keyed: str) -> None:
        """Count one telegram; telegrams that are not in files are numbered as they come."""
        self.lines += 1
        number = request.place.line if request.place is not None else self.lines
        problem = failure(outcome)
        self.frames += problem is None or problem.code not in _NO_TELEGRAM
        if isinstance(outcome, Telegram):
            heard = self.meters.setdefault(outcome.meter, Heard())
            heard.telegrams += 1
            heard.driver = outcome.driver or heard.driver
            heard.main = main_reading(outcome) or heard.main
            heard.alarms.update(outcome.alarms)
            heard.decoded += problem is None
        if problem is None:
            self.decoded += 1
        elif problem.code in self.failures:
            self.failures[problem.code].places.append(number)
        else:
            self.failures[problem.code] = Failed(problem.message, [number], advice(request, outcome, keyed))


def failure(outcome: Outcome) -> Diagnostic | None:
    """Return why there are no readings; None where there are."""
    if isinstance(outcome, Diagnostic):
        return outcome
    if outcome.readings:
        return None
    return next(iter(outcome.diagnostics), Diagnostic("apl", "no-readings", 0, "it holds no readings"))


def main_reading(telegram: Telegram) -> tuple[str, Reading] | None:
    """Return name and value of the register that people look for."""
    return next(((name, telegram.readings[name]) for name in _MAIN if name in telegram.readings), None)


def line_of(request: Request, outcome: Outcome) -> Text:
    """Return one telegram as one line."""
    line = Text.assemble((f"{request.place.line if request.place else '':>7}  ", "dim"))
    if isinstance(outcome, Telegram):
        line.append(f"{named(outcome.meter)}  ", "bold")
        line.append(f"{medium_of(outcome.meter):<12}  ")
    problem = failure(outcome)
    if problem is not None:
        line.append(f"{problem.code}: {problem.message}", "yellow")
    elif isinstance(outcome, Telegram):
        reading = main_reading(outcome) or next(iter(outcome.readings.items()))
        line.append(" ".join(value_and_unit(*reading)))
        if outcome.alarms:
            line.append(f"  {', '.join(outcome.alarms).replace('_', ' ')}", "bold red")
    return line


def show_summary(console: Console, tally: Tally) -> None:
    """Print what all telegrams come to."""
    failed, others = tally.frames - tally.decoded, tally.lines - tally.frames
    console.print()
    console.print(
        Text.assemble(
            (_counted(tally.frames, "telegram"), "bold"),
            f" of {_counted(len(tally.meters), 'meter')}: ",
            (f"{tally.decoded} decoded", "green"),
            ", ",
            (f"{failed} not", "yellow" if failed else ""),
            f"; {_counted(others, 'line')} without a telegram" if others else "",
        )
    )
    if tally.meters:
        console.print(_meters(tally))
        if len(tally.meters) > _METERS_SHOWN:
            console.print(Text(f"and {len(tally.meters) - _METERS_SHOWN} more meters", style="dim"))
    if tally.failures:
        console.print()
    for code, reason in sorted(tally.failures.items(), key=lambda pair: -len(pair[1].places)):
        count = len(reason.places)
        where = f" (line{'s' if count > 1 else ''} {ranges(reason.places)})"
        first = ": " if count == 1 else "; the first: "
        console.print(Text.assemble((f"{count} {code}", "yellow"), (where, "dim"), first, reason.message))
    show_advice(console, tuple(_advice(tally)))


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _advice(tally: Tally) -> Iterator[str]:
    """Yield what to try, once, with the reason that it is for."""
    for code, reason in tally.failures.items():
        yield from (f"{code}: {sentence}" for sentence in reason.advice)


def _meters(tally: Tally) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for title in ("meter", "medium", "driver"):
        table.add_column(title)
    for title in ("telegrams", "decoded", "last"):
        table.add_column(title, justify="right")
    table.add_column("alarms", style="bold red")
    for address, heard in _first(tally):
        last = " ".join(value_and_unit(*heard.main)) if heard.main else ""
        alarms = ", ".join(sorted(heard.alarms)).replace("_", " ")
        counts = (str(heard.telegrams), str(heard.decoded))
        table.add_row(named(address), medium_of(address), heard.driver, *counts, last, alarms)
    return table


def _first(tally: Tally) -> Iterator[tuple[Address, Heard]]:
    order = sorted(tally.meters.items(), key=lambda pair: (-pair[1].telegrams, named(pair[0])))
    yield from order[:_METERS_SHOWN]


def ranges(numbers: Sequence[int]) -> str:
    """Return growing numbers as ranges: 1-3, 7, 9-12, and how many are left out."""
    found: list[list[int]] = []
    for number in numbers:
        if found and number == found[-1][1] + 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    shown = [str(first) if first == last else f"{first}-{last}" for first, last in found[:_RANGES_SHOWN]]
    left = sum(last - first + 1 for first, last in found[_RANGES_SHOWN:])
    return ", ".join(shown) + (f" and {left} more" if left else "")
