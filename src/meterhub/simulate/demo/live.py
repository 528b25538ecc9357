"""The demo's present: a simulated dongle on a pseudo-terminal, heard by a real `meterhub gateway`."""

import random
import time
from datetime import UTC, datetime
from pathlib import Path

from meterhub.simulate.demo.client import HubClient
from meterhub.simulate.demo.processes import DemoFailed, Processes
from meterhub.simulate.dongles.im871a import SimulatedIM871A
from meterhub.simulate.town import Town

GATEWAY = "tower-north"
PATIENCE_S = 60


class LiveRadio:
    """The town's air as one dongle hears it."""

    def __init__(self, town: Town, processes: Processes, hub_url: str, token: str, folder: Path) -> None:
        self._town = town
        self._counts = int((town.end - town.start).total_seconds() // 3600)
        self._rng = random.Random()  # noqa: S311 - which meter speaks next is no secret
        self.dongle = SimulatedIM871A()
        token_file = folder / "gateway-token"
        token_file.touch(mode=0o600)
        token_file.write_text(token)
        processes.start(
            "gateway",
            "gateway",
            "--device",
            self.dongle.device_path,
            "--hub",
            hub_url,
            "--token-file",
            str(token_file),
            "--spool",
            str(folder / "spool.sqlite"),
            "--name",
            GATEWAY,
        )
        if not self.dongle.wait_until_hearing("C1", PATIENCE_S):
            processes.check()
            raise DemoFailed("the gateway did not set the dongle to C/T mode")

    def everyone_once(self) -> int:
        """Have each meter send once; return how many telegrams went out."""
        for home in self._town.homes:
            self._send(home.number - 1)
        self._counts += 1
        if not self.dongle.drain(PATIENCE_S):
            raise DemoFailed("the gateway does not read its dongle")
        return len(self._town.homes)

    def someone(self) -> None:
        """Have one meter send."""
        self._send(self._rng.randrange(len(self._town.homes)))
        self._counts += 1

    def _send(self, index: int) -> None:
        home = self._town.homes[index]
        frame = home.telegram(datetime.now(UTC), self._counts)
        self.dongle.transmit(frame, rssi_dbm=self._rng.randrange(-100, -60), link_mode=home.family.link_mode)

    def close(self) -> None:
        """Unplug for good."""
        self.dongle.close()


def wait_until_received(hub: HubClient, received_before: int, more: int, processes: Processes) -> None:
    """Wait until the hub has acknowledged so many further telegrams of the live gateway."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        processes.check()
        if received_by(hub) >= received_before + more:
            return
        time.sleep(0.1)
    raise DemoFailed(f"of {more} live telegrams only {received_by(hub) - received_before} arrived")


def received_by(hub: HubClient) -> int:
    """Return how many telegrams the live gateway has delivered in all."""
    statuses = hub.call("GET", "/api/v1/gateways", since="2000-01-01")
    return int(next(status["received"] for status in statuses if status["name"] == GATEWAY))
