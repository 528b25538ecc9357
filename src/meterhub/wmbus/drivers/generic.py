"""Meters that no other driver knows: every standard record that can only mean one thing.

Named by quantity, function, storage and tariff; a register kept in storage n is dated by the date of the
same storage. Backward energy is production (of a heat meter: cooling), backward volume is reverse flow.
Power, temperature and humidity have a second name, since users of wmbusmeters know both.
"""

from decimal import Decimal

from meterhub.wmbus import common_fields as common
from meterhub.wmbus.driver import Driver, Field
from meterhub.wmbus.drivers._dated_profiles import PROFILE_HEADERS, profile_history
from meterhub.wmbus.model import Reading, Value

_CELL = Decimal(15)  # volts; above it, a voltage is the mains'
_TARIFFS = (1, 2, 3, 4)
_KEPT = range(2, 33)
_BACKWARD = ("backward",)
_PHASES = {"l1": 1, "l2": 2, "l3": 3}


def _cell(value: Value) -> Reading | None:
    """Return a voltage that can be a battery's."""
    return value if isinstance(value, Decimal) and value <= _CELL else None


def _mains(value: Value) -> Reading | None:
    """Return a voltage that cannot be a battery's."""
    return value if isinstance(value, Decimal) and value > _CELL else None


_ELECTRICITY = (
    Field("total_energy_consumption_kwh", "energy"),
    Field("total_energy_consumption_kwh", "energy", qualifiers=("forward",)),
    Field("total_energy_production_kwh", "energy", qualifiers=_BACKWARD),
    Field("target_energy_kwh", "energy", storage=1),
    Field("consumption_at_set_date_{n}_kwh", "energy", storage=_KEPT),
    *(
        field
        for tariff in _TARIFFS
        for field in (
            Field(f"total_energy_consumption_tariff_{tariff}_kwh", "energy", tariff=tariff),
            Field(f"total_energy_production_tariff_{tariff}_kwh", "energy", tariff=tariff, qualifiers=_BACKWARD),
            Field(f"target_energy_consumption_tariff_{tariff}_kwh", "energy", storage=1, tariff=tariff),
        )
    ),
    Field("power_kw", "power"),
    Field("current_power_consumption_kw", "power"),
    Field("current_power_production_kw", "power", qualifiers=_BACKWARD),
    Field("max_power_kw", "power", function="maximum"),
    Field("total_reactive_energy_consumption_kvarh", "reactive energy"),
    Field("total_reactive_energy_production_kvarh", "reactive energy", qualifiers=_BACKWARD),
    Field("total_apparent_energy_consumption_kvah", "apparent energy"),
    Field("total_apparent_energy_production_kvah", "apparent energy", qualifiers=_BACKWARD),
    Field("frequency_hz", "frequency"),
    Field("voltage_at_phase_1_v", "voltage", convert=_mains),
    Field("current_at_phase_1_a", "current"),
    *(
        field
        for phase, number in _PHASES.items()
        for field in (
            Field(f"voltage_at_phase_{number}_v", "voltage", qualifiers=(phase,)),
            Field(f"amperage_at_phase_{number}_a", "current", qualifiers=(phase,)),
            Field(f"current_power_consumption_phase{number}_kw", "power", qualifiers=(phase,)),
        )
    ),
)

_HEAT = (
    Field("consumption_hca", "heat cost units"),
    Field("current_consumption_hca", "heat cost units"),
    Field("consumption_at_set_date_hca", "heat cost units", storage=1),
    Field("consumption_at_set_date_{n}_hca", "heat cost units", storage=_KEPT),
    Field("temperature_difference_c", "temperature difference"),
    Field("max_flow_temperature_c", "flow temperature", function="maximum"),
    Field("max_return_temperature_c", "return temperature", function="maximum"),
    Field("total_heat_energy_kwh", "energy", qualifiers=("forward",)),
    Field("total_cooling_energy_kwh", "energy", qualifiers=_BACKWARD),
)

_SENSORS = (
    Field("current_temperature_c", "external temperature"),
    Field("max_external_temperature_c", "external temperature", function="maximum"),
    Field("min_external_temperature_c", "external temperature", function="minimum"),
    Field("relative_humidity_rh", "relative humidity"),
    Field("current_relative_humidity_rh", "relative humidity"),
    Field("pressure_bar", "pressure"),
    Field("max_pressure_bar", "pressure", function="maximum"),
    Field("min_pressure_bar", "pressure", function="minimum"),
    Field("a_counter", "dimensionless"),
    Field("b_counter", "dimensionless", subunit=1),
    Field("rf_level_dbm", "rf level"),
)

_VOLUMES = (
    Field("consumption_at_set_date_{n}_m3", "volume", storage=_KEPT),
    *(Field(f"total_tariff_{tariff}_m3", "volume", tariff=tariff) for tariff in _TARIFFS),
    *(Field(f"total_volume_subunit{unit}_m3", "volume", subunit=unit) for unit in (1, 2)),
    *(Field(f"target_volume_subunit{unit}_m3", "volume", storage=1, subunit=unit) for unit in (1, 2)),
)

_DATES = (
    Field("set_date_{n}", "date", storage=_KEPT),
    Field("set_datetime_{n}", "datetime", storage=_KEPT),
    Field("error_date", "date", function="during error"),
    Field("meter_datetime_at_error", "datetime", function="during error"),
    Field("on_time_at_error_h", "on time", function="during error"),
    Field("operating_time_in_error_h", "operating time", function="during error"),
)

DRIVER = Driver(
    name="generic",
    detect=(),
    fields=(
        *common.REGISTER,
        common.METER_DATE,
        common.FLOW,
        common.VOLUME_FLOW,
        common.MAX_FLOW,
        common.FLOW_TEMPERATURE,
        common.RETURN_TEMPERATURE,
        common.EXTERNAL_TEMPERATURE,
        common.TOTAL_FORWARD,
        common.TOTAL_BACKWARD,
        common.BATTERY,
        Field("battery_v", "voltage", convert=_cell),
        common.ON_TIME,
        common.OPERATING_TIME,
        common.ACTUALITY,
        common.FABRICATION_NUMBER,
        common.ENHANCED_ID,
        common.MODEL_VERSION,
        common.SOFTWARE_VERSION,
        common.PARAMETER_SET,
        *_VOLUMES,
        *_DATES,
        *_ELECTRICITY,
        *_HEAT,
        *_SENSORS,
    ),
    read_payload=profile_history,
    reads=PROFILE_HEADERS,
)
