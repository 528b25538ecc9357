"""Kaden and Vipa water meters: volume and duration are sent twice, the second pair is an auxiliary one."""

from meterhub.wmbus import common_fields as common
from meterhub.wmbus.driver import Body, Driver, Extract, match
from meterhub.wmbus.model import Reading


def _second(body: Body) -> Extract | None:
    """Name the second volume and the second duration."""
    readings: dict[str, Reading] = {}
    for dif_vif, name in (("0412", "volume_b_m3"), ("0474", "duration_b_s")):
        found = [record.value for record in body.records if record.dif_vif == dif_vif]
        if len(found) > 1 and found[1] is not None:
            readings[name] = found[1]
    return Extract(readings)


DRIVER = Driver(
    name="kaden-water",
    detect=(match("KDN", "01", "07"), match("VIP", "01", "07")),
    fields=(
        *common.REGISTER,
        common.VOLUME_FLOW,
        common.FLOW,
        common.MAX_FLOW,
        common.ACTUALITY,
        common.FABRICATION_NUMBER,
    ),
    read_payload=_second,
    reads=frozenset(("0412", "0474")),
)
