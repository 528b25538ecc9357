"""The gateway process: a thread for each dongle reads it into the spool, one uploads the spool to the hub.

What is guaranteed: a telegram that is in the spool reaches the hub, once after the hub's deduplication,
through kill -9 and power cuts of the gateway and any absence of hub or network. It is in the spool one commit
after the read that brought its last byte. What the operating system has not yet handed over, or the running
commit has not finished, is lost by a kill as if it had not been heard; meters repeat themselves.

The process holds no meter key and looks into no telegram.
"""

import logging
import signal
import sys
import threading
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from meterhub.gateway.devices import Device
from meterhub.gateway.hub_client import HubClient
from meterhub.gateway.intake import Intake, Rules
from meterhub.gateway.reporter import Reporter, report_forever
from meterhub.gateway.room import Room
from meterhub.gateway.spool import Spool
from meterhub.gateway.stations import Stations
from meterhub.gateway.systemd import notify
from meterhub.gateway.thinning import Keep
from meterhub.gateway.token_file import read_token
from meterhub.gateway.uplink import Uplink
from meterhub.gateway.uploader import Uploader

log = logging.getLogger(__name__)

STATUS_EVERY_S = 300.0
TICK_S = 1.0
STOP_WITHIN_S = 5.0


@dataclass(frozen=True, slots=True)
class GatewayConfig:
    """What the gateway is told to do."""

    name: str
    devices: tuple[Device, ...]
    do_not_probe: tuple[str, ...]
    hub_url: str
    token_file: Path
    spool_file: Path
    batch_size: int
    silence_s: float
    room: Room = field(default_factory=Room)
    keep: Keep = Keep.ALL
    listed_only: bool = False
    max_kbit_s: float | None = None


def run_gateway(config: GatewayConfig) -> int:
    """Run until SIGTERM or SIGINT; return the exit code. Raises `SpoolError` when the spool is unusable."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    spool = Spool(config.spool_file, config.room)
    if spool.depth:
        log.info("spool %s holds %d telegrams from before", config.spool_file, spool.depth)
    own = Rules(config.keep)
    intake = Intake(spool, own)
    uplink = Uplink(
        config.hub_url, config.name, partial(read_token, config.token_file), max_kbit_s=config.max_kbit_s
    )
    uploader = Uploader(spool, uplink, config.batch_size)
    uploads = threading.Thread(target=_upload, args=(uploader, stop), name="uploader", daemon=True)
    uploads.start()
    stations = Stations(config.devices, config.do_not_probe, intake.store, silence_s=config.silence_s)
    client = HubClient(config.hub_url)
    reporter = Reporter(
        client,
        config.token_file,
        spool,
        intake,
        own,
        lambda: stations.receivers,
        own_listed_only=config.listed_only,
    )
    reports = threading.Thread(target=report_forever, args=(reporter, stop), name="reporter", daemon=True)
    reports.start()

    def status() -> str:
        counts = f"delivered {uploader.delivered}, in spool {spool.depth}, lost {spool.lost}"
        left = {"thinned": intake.thinned, "not on the list": intake.unlisted, "dropped": spool.dropped}
        told = "".join(f", {name} {count}" for name, count in left.items() if count)
        return f"{stations.status()}; {counts}{told}"

    notify("READY=1")
    failed = False
    status_at = time.monotonic() + STATUS_EVERY_S
    while not stop.wait(TICK_S) and not failed:
        stations.look()
        intake.tick()
        ended = [thread.name for thread in (uploads, reports) if not thread.is_alive()]
        failed = _has_died([*stations.dead(), *ended])
        notify(f"WATCHDOG=1\nSTATUS={status()}")
        if time.monotonic() >= status_at:
            log.info("status: %s", status())
            status_at += STATUS_EVERY_S
    notify("STOPPING=1")
    stop.set()
    stopped = stations.stop(STOP_WITHIN_S)
    uploads.join(STOP_WITHIN_S)
    reports.join(STOP_WITHIN_S)
    # else one is still waiting for its line or the hub
    if stopped and not uploads.is_alive() and not reports.is_alive():
        uplink.close()
        client.close()
        spool.close()
    log.info("stopped: %s", status())
    return 1 if failed else 0


def _upload(uploader: Uploader, stop: threading.Event) -> None:
    while not stop.is_set():
        stop.wait(uploader.step())


def _has_died(threads: list[str]) -> bool:
    for name in threads:
        log.critical("thread %s has died; ending so that the service manager starts anew", name)
    return bool(threads)


def set_up_logging(*, verbose: bool) -> None:
    """Log to standard error, one compact line a message with UTC time."""
    handler = logging.StreamHandler(sys.stderr)
    formatter = logging.Formatter("%(asctime)s.%(msecs)03dZ %(levelname)-7s %(message)s", "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    logging.basicConfig(level=logging.DEBUG if verbose else logging.INFO, handlers=[handler], force=True)
    for library in ("httpx2", "httpcore2", "httpx", "httpcore"):
        logging.getLogger(library).setLevel(logging.WARNING)
