"""The demo's present: simulated dongles on pseudo-terminals, read by real `meterhub gateway` processes."""

import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from meterhub.simulate.demo.client import HubClient
from meterhub.simulate.demo.processes import DemoFailed, Processes
from meterhub.simulate.dongles.amber import SimulatedAmber
from meterhub.simulate.dongles.cul import SimulatedCUL
from meterhub.simulate.dongles.im871a import SimulatedIM871A
from meterhub.simulate.dongles.iu891a import SimulatedIU891A
from meterhub.simulate.dongles.radio import SimulatedDongle
from meterhub.simulate.town import Town

DONGLES: dict[str, dict[str, Callable[[], SimulatedDongle]]] = {
    "tower-north": {"im871a": SimulatedIM871A, "cul": SimulatedCUL},
    "tower-south": {"amber": SimulatedAmber},
    "school-roof": {"iu891a": SimulatedIU891A},
}
"""What is plugged into each gateway, by kind."""
PATIENCE_S = 60


class LiveRadio:
    """The town's air as the dongles of its gateways hear it."""

    def __init__(
        self, town: Town, processes: Processes, hub_url: str, tokens: Mapping[str, str], folder: Path
    ) -> None:
        self._town = town
        self._counts = int((town.end - town.start).total_seconds() // 3600)
        self._rng = random.Random()  # noqa: S311 - which meter speaks next is no secret
        self._dongles: dict[str, list[SimulatedDongle]] = {}
        for gateway in town.gateways:
            plugged = {kind: plug_in() for kind, plug_in in DONGLES[gateway].items()}
            self._dongles[gateway] = list(plugged.values())
            devices = [f"{dongle.device_path}@{kind}" for kind, dongle in plugged.items()]
            _start_gateway(processes, gateway, devices, hub_url, tokens[gateway], folder)
        for gateway, dongle in self._plugged():
            if not dongle.wait_until_hearing("C1", PATIENCE_S):
                processes.check()
                raise DemoFailed(f"{gateway} did not set {dongle.device_path} to C/T mode")

    def _plugged(self) -> Iterable[tuple[str, SimulatedDongle]]:
        return ((gateway, dongle) for gateway, dongles in self._dongles.items() for dongle in dongles)

    def everyone_once(self) -> Counter[str]:
        """Have each meter send once; return how many telegrams each gateway has heard."""
        heard: Counter[str] = Counter()
        for index in range(len(self._town.on_air)):
            heard += self._send(index)
        self._counts += 1
        for gateway, dongle in self._plugged():
            if not dongle.drain(PATIENCE_S):
                raise DemoFailed(f"{gateway} does not read {dongle.device_path}")
        return heard

    def someone(self) -> None:
        """Have one meter send."""
        self._send(self._rng.randrange(len(self._town.on_air)))
        self._counts += 1

    def _send(self, index: int) -> Counter[str]:
        """Have a meter send to every dongle in reach; return how many of each gateway heard it."""
        home = self._town.on_air[index]
        frame = home.telegram(datetime.now(UTC), self._counts)
        return Counter(
            gateway
            for gateway in home.gateways
            for dongle in self._dongles[gateway]
            if dongle.transmit(frame, self._rng.randrange(-100, -60), home.family.link_mode)
        )

    def close(self) -> None:
        """Unplug for good."""
        for _, dongle in self._plugged():
            dongle.close()


def _start_gateway(
    processes: Processes, gateway: str, devices: Iterable[str], hub_url: str, token: str, folder: Path
) -> None:
    token_file = folder / f"{gateway}-token"
    token_file.touch(mode=0o600)
    token_file.write_text(token)
    processes.start(
        f"gateway-{gateway}",
        "gateway",
        *(argument for device in devices for argument in ("--device", device)),
        *("--hub", hub_url, "--token-file", str(token_file)),
        *("--spool", str(folder / f"{gateway}-spool.sqlite"), "--name", gateway),
    )


def wait_until_received(
    hub: HubClient, received_before: Counter[str], more: Counter[str], processes: Processes
) -> None:
    """Wait until the hub has acknowledged so many further telegrams of each gateway."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        processes.check()
        missing = received_before + more - received_by(hub)
        if not missing:
            return
        time.sleep(0.1)
    raise DemoFailed(f"of {more.total()} live telegrams {missing.total()} did not arrive: {dict(missing)}")


def received_by(hub: HubClient) -> Counter[str]:
    """Return how many telegrams each gateway has delivered in all."""
    statuses = hub.call("GET", "/api/v1/gateways", since="2000-01-01")
    return Counter({str(status["name"]): int(status["received"]) for status in statuses})
