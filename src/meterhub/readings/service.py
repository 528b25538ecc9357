"""Reads taken by people, and consumption as it is shown."""

from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import Connection

from meterhub.access import audit
from meterhub.access.principal import Principal
from meterhub.errors import BadInput, NotFound
from meterhub.kit.queue import defer
from meterhub.kit.units import ML_PER_M3, volume_ml
from meterhub.readings import repository
from meterhub.readings.hourly import Quality
from meterhub.readings.repository import NewRead, Source
from meterhub.readings.schemas import (
    Consumption,
    ConsumptionValue,
    ManualSource,
    NewManualRead,
    Resolution,
)

LONGEST_SPAN = {
    Resolution.HOUR: timedelta(days=400),
    Resolution.DAY: timedelta(days=3700),
    Resolution.MONTH: timedelta(days=36600),
}
ROLL_UP = "readings.rollup"


def find_point(connection: Connection, point_code: str) -> int:
    """Return the id of a metering point or say that there is none."""
    point = repository.point_id(connection, point_code)
    if point is None:
        raise NotFound(f"there is no metering point {point_code!r}")
    return point


def read_consumption(
    connection: Connection,
    principal: Principal,
    point_code: str,
    *,
    since: datetime,
    until: datetime,
    resolution: Resolution,
    zone: str,
) -> Consumption:
    """Return the consumption of a point; the look is logged, since it is personal data."""
    if not timedelta(0) < until - since <= LONGEST_SPAN[resolution]:
        raise BadInput(
            f"ask for a span of at most {LONGEST_SPAN[resolution].days} days by {resolution}, from before until",
            fields={"until": "not in reach of from"},
        )
    point = find_point(connection, point_code)
    rows = repository.consumption(connection, point, since, until, resolution=resolution, zone=zone)
    audit.record(
        connection,
        principal,
        action="read-consumption",
        purpose="customer-service",
        subject=f"point:{point_code}",
        detail={"resolution": resolution, "from": since.isoformat(), "until": until.isoformat()},
    )
    values = [
        ConsumptionValue(
            start=row.start,
            volume_m3=Decimal(row.volume_ml) / ML_PER_M3,
            quality=Quality(row.quality).name.lower(),
            hours=row.hours,
        )
        for row in rows
    ]
    return Consumption(point_code=point_code, resolution=resolution, zone=zone, values=values)


def take_read(
    connection: Connection, principal: Principal, point_code: str, read: NewManualRead, *, now: datetime
) -> None:
    """Store a read that a person took, if it fits between those around it."""
    if read.at > now:
        raise BadInput("the read lies in the future", fields={"at": "in the future"})
    point = find_point(connection, point_code)
    meter = repository.installed_meter(connection, point, read.at)
    if meter is None:
        raise NotFound(f"no meter was installed at {point_code!r} at {read.at.isoformat()}")
    volume = volume_ml(read.volume_m3)
    if volume >= 10**meter.digits * ML_PER_M3:
        raise BadInput(
            f"the register of this meter has {meter.digits} digits", fields={"volume_m3": "too many digits"}
        )
    if read.source is ManualSource.CUSTOMER and (
        (meter.before_ml is not None and volume < meter.before_ml)
        or (meter.after_ml is not None and volume > meter.after_ml)
    ):
        raise BadInput(
            "the read does not lie between the reads before and after it: check the digits after the comma",
            fields={"volume_m3": "not plausible"},
        )
    repository.store_reads(connection, [NewRead(meter.meter_id, read.at, volume, source=Source(read.source))])
    defer(connection, ROLL_UP, once=ROLL_UP)
    audit.record(
        connection,
        principal,
        action="take-read",
        purpose="billing",
        subject=f"point:{point_code}",
        detail={"source": read.source},
    )
