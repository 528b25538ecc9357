"""All dongles of one gateway: a receiver and its thread for each, also for those plugged in later.

Dongles share nothing but the spool. One that fails, hangs or floods keeps its own thread busy only.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from meterhub.gateway.devices import AUTO, Device, short_name
from meterhub.gateway.ports import Port, hinted, serial_ports, to_search
from meterhub.gateway.receiver import REOPEN_LIMIT_S, Receiver, Store, title
from meterhub.gateway.transport import open_line

log = logging.getLogger(__name__)

LOOK_EVERY_S = 5.0
FOUND_REOPEN_LIMIT_S = 300.0
"""Longest wait before a port that was found, not named, is asked again: it may be something else [s]."""


@dataclass(frozen=True, slots=True)
class Station:
    """A receiver in its thread."""

    receiver: Receiver
    thread: threading.Thread
    stop: threading.Event


class Stations:
    """The dongles of a gateway, by device path; used by one thread."""

    def __init__(
        self,
        devices: Iterable[Device],
        do_not_probe: Iterable[str],
        store: Store,
        *,
        silence_s: float,
        ports: Callable[[], list[Port]] = serial_ports,
    ) -> None:
        self._store = store
        self._silence_s = silence_s
        self._ports = ports
        named = [device for device in devices if device.path != AUTO]
        self._search = next((device for device in devices if device.path == AUTO), None)
        self._out_of_bounds = [*do_not_probe, *(device.path for device in named)]
        self._found: set[str] = set()
        self._looked_at = float("-inf")
        self._finds_nothing = False
        self._stations: dict[str, Station] = {}
        for device in named:
            self._add(short_name(device.path), device, REOPEN_LIMIT_S)

    @property
    def receivers(self) -> list[Receiver]:
        """The receivers of all dongles, in the order in which they came."""
        return [station.receiver for station in self._stations.values()]

    def look(self) -> None:
        """Where dongles are to be found rather than named: begin with new ones, let go of those that went."""
        now = time.monotonic()
        if self._search is None or now - self._looked_at < LOOK_EVERY_S:
            return
        self._looked_at = now
        try:
            ports = {port.device: port for port in to_search(self._ports(), self._out_of_bounds)}
        except OSError as error:
            log.warning("cannot list the serial ports: %s; trying again", error)
            return
        for path in self._found - set(ports):
            if self._stations[path].receiver.dongle is None:
                self._let_go(path)
        for path in sorted(set(ports) - self._found):
            self._found.add(path)
            self._begin_with(ports[path], self._search)
        if not self._stations and not self._finds_nothing:
            log.warning("no serial port on USB: plug a dongle in, or name its device; still looking")
        self._finds_nothing = not self._stations

    def _begin_with(self, port: Port, search: Device) -> None:
        name = short_name(port.stable_name)
        log.info("%s: found at %s, %s", name, port.device, port.description or "without a description")
        models = hinted(search.models, port)
        self._add(name, Device(port.device, models, search.link_mode), FOUND_REOPEN_LIMIT_S)

    def _add(self, name: str, device: Device, reopen_limit_s: float) -> None:
        receiver = Receiver(
            name,
            partial(open_line, device.path),
            device.models,
            device.link_mode,
            self._store,
            silence_s=self._silence_s,
            reopen_limit_s=reopen_limit_s,
        )
        stop = threading.Event()
        thread = threading.Thread(target=receiver.run, args=(stop,), name=f"receiver {receiver.name}", daemon=True)
        self._stations[device.path] = Station(receiver, thread, stop)
        thread.start()

    def _let_go(self, path: str) -> None:
        station = self._stations.pop(path)
        station.stop.set()
        self._found.remove(path)
        log.info("%s: gone", station.receiver.name)

    def dead(self) -> list[str]:
        """Return the names of threads that have ended although nobody told them to."""
        return [station.thread.name for station in self._stations.values() if not station.thread.is_alive()]

    def stop(self, within_s: float) -> bool:
        """End all receivers; tell whether they have ended within the time."""
        deadline = time.monotonic() + within_s
        for station in self._stations.values():
            station.stop.set()
        for station in self._stations.values():
            station.thread.join(max(0.0, deadline - time.monotonic()))
        return not any(station.thread.is_alive() for station in self._stations.values())

    def status(self) -> str:
        """Return what each dongle is and has heard, in one line."""
        return "; ".join(_status(receiver) for receiver in self.receivers) or "no dongle"


def _status(receiver: Receiver) -> str:
    name = "no dongle" if receiver.dongle is None else title(receiver.dongle)
    return f"{receiver.name} {name}: heard {receiver.heard}, noise {receiver.garbage}"
