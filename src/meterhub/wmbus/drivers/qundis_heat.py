"""Qundis heat meters and heat cost allocators: set day in storage 1, last month end in storage 17."""

from meterhub.wmbus import common_fields as common
from meterhub.wmbus.driver import Body, Driver, Extract, Field, match
from meterhub.wmbus.drivers._qundis_block import HEADER, read_block
from meterhub.wmbus.model import Reading

_NAMES = {
    "m3": ("total_m3", "consumption_at_set_date_{}_m3"),
    "kWh": ("total_energy_consumption_kwh", "target_{}_kwh"),
    "MJ": ("total_energy_consumption_mj", "target_{}_mj"),
    "hca": ("consumption_hca", "consumption_at_set_date_{}_hca"),
}
_YEAR, _MONTH = 1, 17


def _walk_by(body: Body) -> Extract | None:
    """Name what a walk-by block holds."""
    block = read_block(body)
    if block is None or block.unit not in _NAMES:
        return None
    total, kept = _NAMES[block.unit]
    readings: dict[str, Reading] = {}
    if block.total is not None:
        readings[total] = block.total
    for storage, (day, register) in ((_YEAR, block.year), (_MONTH, block.month)):
        if day is not None and register is not None:
            readings[f"set_date_{storage}"] = day
            readings[kept.format(storage)] = register
    suffix = block.unit.lower()
    delta_name = "delta" if suffix == "hca" else "energy_delta"
    for back, (day, register) in enumerate(block.months, 1):
        readings[f"history_{back}_date"] = day
        readings[f"consumption_at_history_{back}_{suffix}"] = register
    for back, delta in enumerate(block.deltas, 2):
        if delta is not None:
            readings[f"{delta_name}_{back}_{suffix}"] = delta
    return Extract(readings)


DRIVER = Driver(
    name="qundis-heat",
    detect=(match("QDS", "", "04 08 37"), match("LSE", "", "04 08")),
    fields=(
        common.METER_DATETIME,
        Field("device_datetime", "datetime"),
        common.ENHANCED_ID,
        common.MODEL_VERSION,
        common.FLOW_TEMPERATURE,
        common.TOTAL,
        Field("total_energy_consumption_kwh", "energy"),
        Field("total_kwh", "energy"),
        Field("target_kwh", "energy", storage=_MONTH),
        Field("target_date", "date", storage=_MONTH),
        Field("target_year_kwh", "energy", storage=_YEAR),
        Field("target_year_date", "date", storage=_YEAR),
        Field("last_month_energy_consumption_kwh", "energy", storage=_MONTH),
        Field("last_month_date", "date", storage=_MONTH),
        Field("last_year_energy_consumption_kwh", "energy", storage=_YEAR),
        Field("last_year_date", "date", storage=_YEAR),
        Field("consumption_hca", "heat cost units"),
        Field("current_consumption_hca", "heat cost units"),
        Field("consumption_at_set_date_hca", "heat cost units", storage=_YEAR),
        Field("consumption_at_set_date_{n}_hca", "heat cost units", storage=range(1, 18)),
        Field("set_date", "date", storage=_YEAR),
        Field("set_date_{n}", "date", storage=range(1, 18)),
        Field("error_date", "date", function="during error"),
    ),
    read_payload=_walk_by,
    reads=frozenset((HEADER,)),
)
