"""Apator AT-WMBUS-08 radio module: three pulses a litre, nothing encrypted."""

from meterhub.wmbus import common_fields as common
from meterhub.wmbus.driver import Driver, Extract, match
from meterhub.wmbus.drivers._apator_thirds import rounded, thirds


def _open(frame: bytes, key: bytes | None) -> Extract | None:
    """Read the counter."""
    del key
    litres = thirds(frame)
    return None if litres is None else Extract({"total_m3": rounded(litres.scaleb(-3))})


DRIVER = Driver(
    name="apator-08",
    detect=(match("APT", "03", "03 0F"), match("APT", "0F", "0F")),
    fields=common.REGISTER,
    open_frame=_open,
)
