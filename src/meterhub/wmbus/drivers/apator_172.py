"""Apator AT-WMBUS-17-2 radio module: three pulses a unit, nothing encrypted.

Dashboards made for wmbusmeters take the unit as m³, and so does this driver. Logs of such meters speak
for litres; no vendor document is at hand, so each telegram says that the unit is unverified.
"""

from meterhub.wmbus import common_fields as common
from meterhub.wmbus.dll import HEADER
from meterhub.wmbus.driver import Driver, Extract, match
from meterhub.wmbus.drivers._apator_thirds import rounded, thirds
from meterhub.wmbus.model import Diagnostic

_UNVERIFIED = Diagnostic(
    "driver", "unit-unverified", HEADER + 1, "apator-172: taken as m³, the counter may well count litres"
)


def _open(frame: bytes, key: bytes | None) -> Extract | None:
    """Read the counter."""
    del key
    units = thirds(frame)
    return None if units is None else Extract({"total_m3": rounded(units)}, diagnostics=(_UNVERIFIED,))


DRIVER = Driver(name="apator-172", detect=(match("APT", "04", "11"),), fields=common.REGISTER, open_frame=_open)
