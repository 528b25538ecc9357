"""Which serial ports and radio sticks are plugged in, by what the operating system says of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from serial.tools import list_ports

from meterhub.gateway.dongle import DongleModel

STABLE_NAMES = Path("/dev/serial/by-id")
USB_DEVICES = Path("/sys/bus/usb/devices")


@dataclass(frozen=True, slots=True)
class Port:
    """A serial port."""

    device: str
    """The kernel's name, which may change when it is plugged in again."""
    stable_name: str
    """The name that stays, where there is one; else the kernel's."""
    usb_id: tuple[int, int] | None = None
    """Vendor and product; None: not on USB."""
    description: str = ""


def serial_ports() -> list[Port]:
    """Return all serial ports, those on USB first; raises `OSError` while the system rearranges them."""
    names = _stable_names()
    ports = [
        Port(
            found.device,
            names.get(found.device, found.device),
            None if found.vid is None else (found.vid, found.pid),
            "" if found.description in {None, "n/a"} else found.description,
        )
        for found in list_ports.comports()
    ]
    return sorted(ports, key=lambda port: (port.usb_id is None, port.stable_name))


def _stable_names() -> dict[str, str]:
    if not STABLE_NAMES.is_dir():
        return {}
    return {str(link.resolve()): str(link) for link in STABLE_NAMES.iterdir()}


def to_search(ports: Iterable[Port], taken: Iterable[str]) -> list[Port]:
    """Return the ports on which a dongle may be searched for: on USB and not among those `taken`.

    Ports that are part of the machine may hold its console or another device that must not be written to.
    """
    out_of_bounds = {Path(device).resolve() for device in taken}
    return [port for port in ports if port.usb_id is not None and Path(port.device).resolve() not in out_of_bounds]


def hinted(models: Sequence[DongleModel], port: Port) -> tuple[DongleModel, ...]:
    """Return the kinds of dongle in the order in which to try them on a port: the likely ones first."""
    return tuple(sorted(models, key=lambda model: port.usb_id not in model.usb_ids))


def plugged_in(usb_ids: Iterable[tuple[int, int]], root: Path = USB_DEVICES) -> list[tuple[int, int]]:
    """Return which of these USB ids are plugged in, for devices that are no serial ports."""
    return [usb_id for usb_id in sorted(usb_ids) if usb_id in _usb_ids(root)]


def _usb_ids(root: Path) -> set[tuple[int, int]]:
    found = set()
    for folder in root.iterdir() if root.is_dir() else ():
        try:
            vendor, product = ((folder / name).read_text() for name in ("idVendor", "idProduct"))
            found.add((int(vendor, 16), int(product, 16)))
        except (OSError, ValueError):
            continue  # an interface or a hub's port, which have no ids
    return found
