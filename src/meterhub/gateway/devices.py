"""How people name dongles: `PATH`, `PATH@S1`, `PATH@cul` or `PATH@cul,T1`, and `auto` for all on USB."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from meterhub.gateway.dongle import DongleModel, LinkMode
from meterhub.gateway.transport import PROGRAM

AUTO = "auto"
_PREFIXES = ("/dev/serial/by-id/", "/dev/")
_LONGEST_NAME = 60


@dataclass(frozen=True, slots=True)
class Device:
    """Where a dongle is, what kinds it may be of, and what it shall listen to."""

    path: str
    """What `transport.open_line` opens, or `auto`."""
    models: tuple[DongleModel, ...]
    link_mode: LinkMode


def searched(known: Mapping[str, DongleModel]) -> tuple[DongleModel, ...]:
    """Return the kinds of dongle that can be searched for, in order."""
    return tuple(model for model in known.values() if model.probe_order is not None)


def models_named(name: str, known: Mapping[str, DongleModel]) -> tuple[DongleModel, ...]:
    """Return the kinds that a name means; raises `ValueError` for an unknown one."""
    if name == AUTO:
        return searched(known)
    if name not in known:
        raise ValueError(f"unknown dongle {name!r}; known: auto, {', '.join(known)}")
    return (known[name],)


def parse_device(text: str, known: Mapping[str, DongleModel], default: Device) -> Device:
    """Return what a device's text means; what it does not say is as in `default`. Raises `ValueError`."""
    path, at, suffix = text.rpartition("@")
    words = [word.strip() for word in suffix.split(",")]
    modes = {mode.value: mode for mode in LinkMode} | {"CT": LinkMode.CT}
    understood = all(word.upper() in modes or word in known for word in words)
    if not at or (not understood and (_is_free_text(text) or Path(text).exists())):
        path, words = text, []
    elif not understood:
        raise ValueError(f"{text!r}: behind @ stand a link mode ({', '.join(modes)}) or {', '.join(known)}")
    if not path:
        raise ValueError(f"{text!r} names no device")
    models, mode = default.models, default.link_mode
    for word in words:
        if word in known:
            models = (known[word],)
        else:
            mode = modes[word.upper()]
    return Device(path, models, mode)


def _is_free_text(text: str) -> bool:
    """Tell whether a device may hold an @ of its own: a program's command line or an address."""
    return text.startswith(PROGRAM) or "://" in text


def split_devices(text: str) -> list[str]:
    """Return the devices that an environment variable names, separated by blanks; `exec:` takes all the rest.

    >>> split_devices("auto /dev/ttyUSB0@S1 exec:rtl_sdr -f 868.95M - | rtl_wmbus@rtl_wmbus")
    ['auto', '/dev/ttyUSB0@S1', 'exec:rtl_sdr -f 868.95M - | rtl_wmbus@rtl_wmbus']
    """
    head, program, command = f" {text}".partition(f" {PROGRAM}")
    return [*head.split(), *([f"{PROGRAM}{command.strip()}"] if program else [])]


def short_name(path: str) -> str:
    """Return what the log calls a device."""
    for prefix in _PREFIXES:
        path = path.removeprefix(prefix)
    return path if len(path) <= _LONGEST_NAME else f"{path[: _LONGEST_NAME - 1]}…"
