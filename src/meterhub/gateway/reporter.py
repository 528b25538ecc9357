"""Tells the hub every minute how the gateway is, and does what it is told in return.

The orders of the hub are kept in the spool, so they hold after a restart without network. Where the hub has no
say, the gateway's own settings hold.
"""

import json
import logging
import secrets
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pydantic import AwareDatetime, BaseModel, ValidationError

from meterhub.gateway import room
from meterhub.gateway.hub_client import HubClient, HubError
from meterhub.gateway.intake import Intake, Rules
from meterhub.gateway.receiver import Receiver
from meterhub.gateway.spool import Spool
from meterhub.gateway.thinning import Keep
from meterhub.gateway.token_file import read_token, replacing

log = logging.getLogger(__name__)

EVERY_S = 60.0
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST = 200


class Orders(BaseModel):
    """What the hub answers to a report."""

    hub_at: AwareDatetime
    keep: Keep | None = None
    listed_only: bool | None = None
    meters_revision: str | None = None
    rotate_token: bool = False


class Reporter:
    """Reports on one gateway; one thread calls `step` for ever."""

    def __init__(
        self,
        client: HubClient,
        token_file: Path,
        spool: Spool,
        intake: Intake,
        own: Rules,
        receivers: Callable[[], Sequence[Receiver]],
        *,
        own_listed_only: bool = False,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._client, self._token_file = client, token_file
        self._spool, self._intake, self._receivers = spool, intake, receivers
        self._own, self._own_listed_only = own, own_listed_only
        self._now = now
        self._run = secrets.token_hex(8)
        self._last: dict[str, str] | None = None
        self._trouble = ""
        self._complaint = ""
        self._follow(_stored(spool, "orders"))

    def step(self) -> float:
        """Report once; return how long to wait before the next time [s]."""
        try:
            self._report()
        except (HubError, OSError, ValueError) as error:
            if str(error) != self._complaint:
                self._complaint = str(error)
                log.warning("cannot report to the hub: %s; trying again", error)
        else:
            self._complaint = ""
        return EVERY_S

    def _report(self) -> None:
        token = read_token(self._token_file)
        sent_at = self._now()
        answer = self._client.ask("POST", "/api/v1/gateway/report", token=token, body=self.report(sent_at))
        answered_at = self._now()
        try:
            orders = Orders.model_validate(answer)
        except ValidationError:
            raise HubError("the answer to a report is not that of a meterhub hub") from None
        self._last = {
            "sent_at": sent_at.isoformat(),
            "hub_at": orders.hub_at.isoformat(),
            "answered_at": answered_at.isoformat(),
        }
        self._obey(orders, token)

    def report(self, sent_at: datetime) -> dict[str, object]:
        """Return what the gateway says about itself."""
        spool, oldest = self._spool, self._spool.oldest_at()
        keeps = self._intake.rules
        return {
            "sent_at": sent_at.isoformat(),
            "run": self._run,
            "version": version("meterhub"),
            "last": self._last,
            "spool": {
                "depth": spool.depth,
                "oldest_at": None if oldest is None else (_EPOCH + timedelta(microseconds=oldest)).isoformat(),
                "used_bytes": spool.used_bytes(),
                "limit_bytes": spool.room.limit_bytes,
                "disk_free_bytes": room.disk_free_bytes(spool.path),
                "dropped": spool.dropped,
                "lost": spool.lost,
            },
            "thinned": self._intake.thinned + self._intake.unlisted,
            "keep": keeps.keep.value,
            "listed_only": keeps.listed is not None,
            "trouble": self._trouble[:_LONGEST],
            "dongles": [_dongle(receiver) for receiver in self._receivers()],
        }

    def _obey(self, orders: Orders, token: str) -> None:
        trouble = []
        wanted = {"keep": orders.keep, "listed_only": orders.listed_only}
        if wanted != _stored(self._spool, "orders"):
            self._spool.keep_note("orders", json.dumps(wanted))
            log.info("the hub wants: keep %s, registered meters only %s", orders.keep, orders.listed_only)
        if self._listed_only(wanted) and orders.meters_revision != self._spool.note("meters_revision"):
            try:
                self._fetch_meters(token)
            except HubError as error:
                trouble.append(f"no list of meters, all are kept: {error}")
        self._follow(wanted)
        if orders.rotate_token:
            try:
                self._rotate(token)
            except (HubError, OSError) as error:
                trouble.append(f"the token cannot be replaced: {error}")
        text = "; ".join(trouble)
        if text and text != self._trouble:
            log.error("%s", text)
        self._trouble = "".join(letter if letter.isprintable() else " " for letter in text)

    def _fetch_meters(self, token: str) -> None:
        answer = self._client.ask("GET", "/api/v1/gateway/meters", token=token)
        try:
            meters, revision = [str(meter) for meter in answer["meters"]], str(answer["revision"])
        except (KeyError, TypeError):
            raise HubError("the list of meters is not that of a meterhub hub") from None
        if self._spool.keep_note("meters", json.dumps(meters)):
            self._spool.keep_note("meters_revision", revision)

    def _rotate(self, token: str) -> None:
        """Fetch a new token; the old one holds until the new one is used, so no lost answer matters."""
        with replacing(self._token_file) as file:
            answer = self._client.ask("POST", "/api/v1/gateway/token", token=token)
            new = answer.get("token") if isinstance(answer, dict) else None
            if not isinstance(new, str) or not new.isprintable() or not new or " " in new:
                raise HubError("the new token is not one")
            file.write(new)
        log.info("the token was replaced")

    def _listed_only(self, orders: dict[str, Any]) -> bool:
        wanted = orders.get("listed_only")
        return self._own_listed_only if wanted is None else bool(wanted)

    def _follow(self, orders: dict[str, Any]) -> None:
        """Have the intake keep what the hub wants; a list that is not there yet keeps all."""
        keep = self._own.keep if orders.get("keep") is None else Keep(orders["keep"])
        listed = None
        if self._listed_only(orders):
            text = self._spool.note("meters")
            listed = None if text is None else frozenset(_meters(json.loads(text)))
        rules = Rules(keep, listed)
        if rules != self._intake.rules:
            self._intake.follow(rules)


def report_forever(reporter: Reporter, stop: threading.Event) -> None:
    """Report until told to stop."""
    while not stop.is_set():
        stop.wait(reporter.step())


def _stored(spool: Spool, name: str) -> dict[str, Any]:
    stored: dict[str, Any] = json.loads(spool.note(name) or "{}")
    return stored


def _meters(names: Sequence[str]) -> list[tuple[str, str]]:
    return [(manufacturer, serial) for manufacturer, _, serial in (name.partition(" ") for name in names)]


def _dongle(receiver: Receiver) -> dict[str, object]:
    info = receiver.dongle
    return {
        "name": receiver.name[:_LONGEST],
        "model": info.model[:60] if info else "",
        "serial": info.serial[:60] if info else "",
        "firmware": info.firmware[:60] if info else "",
        "link_mode": (info.link_mode if info else receiver.mode)[:60],
        "receiving": info is not None,
        "heard": receiver.heard,
        "noise": receiver.garbage,
    }
