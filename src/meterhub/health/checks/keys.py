"""Meter keys open under the master key, and no old master key lies about."""

from collections.abc import Iterator

from sqlalchemy import text

from meterhub.assets.errors import MasterKeyWrong
from meterhub.assets.keys import KeyStock, key_stock
from meterhub.assets.sealing import master_id
from meterhub.errors import NotConfigured
from meterhub.health.checks import Finding, Patient, fail, ok, warn

_ANY = text("SELECT EXISTS (SELECT FROM meter_key)")
_UNOPENED = text(
    "SELECT reason, count(DISTINCT (manufacturer, serial)) AS meters FROM quarantine "
    "WHERE resolved_at IS NULL AND reason IN ('key-missing', 'key-wrong') GROUP BY 1 ORDER BY 1"
)


def check(patient: Patient) -> Iterator[Finding]:
    """Open a sample of keys, and look for master keys that nothing needs."""
    try:
        masters = patient.settings.require_master_keys()
    except NotConfigured as error:
        kept = patient.connection.execute(_ANY).scalar_one()
        yield (
            fail(error.detail, "Give the key; without it no meter key opens.")
            if kept
            else warn(error.detail, "Give one before keys are entered.")
        )
        return
    try:
        stock = key_stock(patient.connection, patient.settings)
    except MasterKeyWrong as error:
        yield fail(error.detail, "Give the master key under which the keys were sealed, also as the previous one.")
        return
    yield ok(
        f"{stock.opened} of {stock.keys} keys tried, all open; "
        f"{stock.meters_with_key} of {stock.meters} meters have one"
    )
    yield from _masters(stock, [master_id(master).hex() for master in masters])
    for row in patient.connection.execute(_UNOPENED):
        yield warn(
            f"telegrams of {row.meters} meters wait with the reason {row.reason}",
            "Import the keys (meterhub keys import); meterhub keys check tells which fit.",
        )


def _masters(stock: KeyStock, known: list[str]) -> Iterator[Finding]:
    """Say which master keys still matter; the first is the one that seals."""
    sealing, *previous = known
    for master in previous:
        if not stock.by_master.get(master) and not stock.by_master.get(""):
            yield warn("a previous master key is given that seals no key any more", "Take it out of the settings.")
    left = sum(keys for master, keys in stock.by_master.items() if master != sealing)
    if left and previous:
        yield warn(f"{left} keys are still sealed under another master key", "Run meterhub keys rotate.")
