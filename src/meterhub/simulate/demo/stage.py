"""What the parts of the demo share: the running installation, what came out of it, and how things are compared."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from meterhub.simulate.demo.client import HubClient
from meterhub.simulate.demo.live import LiveRadio
from meterhub.simulate.demo.processes import DemoFailed, Processes
from meterhub.simulate.town import Town

USERNAME = "demo"
# Nobody approves their own billing run.
APPROVER = "approver"
PATIENCE_S = 300


@dataclass(frozen=True, slots=True)
class Options:
    """What the demo is asked for."""

    meters: int
    days: int
    seed: int
    out: Path
    port: int


@dataclass(slots=True)
class Progress:
    """How the demo tells where it is: a step with its size, and how far it is."""

    begin: Callable[[str, int], None]
    advance: Callable[[int], None]


@dataclass(slots=True)
class Outcome:
    """What came out, as the summary and `--json` show it."""

    telegrams: dict[str, int] = field(default_factory=dict)
    hourly_values: int = 0
    invoices: dict[str, Any] = field(default_factory=dict)
    estimates: dict[str, Any] = field(default_factory=dict)
    credit_note: dict[str, str] = field(default_factory=dict)
    einvoices: dict[str, str] = field(default_factory=dict)
    payments: dict[str, Any] = field(default_factory=dict)
    balances: dict[str, str] = field(default_factory=dict)
    checks: dict[str, Any] = field(default_factory=dict)
    alerts: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    memory_mb: dict[str, int] = field(default_factory=dict)
    rescued: int = 0


@dataclass(slots=True)
class Stage:
    """The running installation; `approver` is the second person, `today` the day on which the story began."""

    url: str
    password: str
    processes: Processes
    hub: HubClient
    approver: HubClient
    town: Town
    gateways: dict[str, HubClient]
    radio: LiveRadio
    today: date


def agree(what: str, found: object, expected: object) -> None:
    """Raise DemoFailed if something came out otherwise than it has to."""
    if found != expected:
        raise DemoFailed(f"{what}: {found}, but it has to be {expected}")
