"""Reads taken by people, and consumption as it is shown."""

from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import Connection

from meterhub.access import audit
from meterhub.access.principal import Principal
from meterhub.errors import BadInput, NotFound
from meterhub.kit.queue import defer
from meterhub.kit.units import ML_PER_M3, volume_ml
from meterhub.readings import gaps, repository
from meterhub.readings.hourly import Quality, capacity_ml, step_ml
from meterhub.readings.repository import NewRead, Source
from meterhub.readings.schemas import (
    Consumption,
    ConsumptionValue,
    Gap,
    ManualSource,
    NewManualRead,
    Plausibility,
    Resolution,
)

LONGEST_SPAN = {
    Resolution.HOUR: timedelta(days=400),
    Resolution.DAY: timedelta(days=3700),
    Resolution.MONTH: timedelta(days=36600),
}
LONGEST_GAP_SEARCH = timedelta(days=400)
# So many times the usual use is worth a second look, from so much on.
FAR_MORE = 5
LEAST_DOUBT_ML = 5_000_000
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
            by_quality={
                quality.name.lower(): count for quality in Quality if (count := getattr(row, quality.name.lower()))
            },
        )
        for row in rows
    ]
    return Consumption(point_code=point_code, resolution=resolution, zone=zone, values=values)


def list_gaps(
    connection: Connection,
    principal: Principal,
    *,
    point_code: str | None,
    since: datetime,
    until: datetime,
    least_hours: int,
    limit: int,
) -> list[Gap]:
    """Return the spans of a point, or of the town, without hours or with estimated ones, the longest first."""
    if not timedelta(0) < until - since <= LONGEST_GAP_SEARCH:
        raise BadInput(
            f"ask for a span of at most {LONGEST_GAP_SEARCH.days} days, from before until",
            fields={"until": "not in reach of from"},
        )
    point = None if point_code is None else find_point(connection, point_code)
    rows = gaps.gaps(connection, point, since, until, least_hours=least_hours, limit=limit)
    subject = "" if point_code is None else f"point:{point_code}"
    audit.record(connection, principal, action="list-gaps", purpose="customer-service", subject=subject)
    return [Gap(**row._mapping) for row in rows]


def judge_read(
    connection: Connection, point_code: str, read: NewManualRead, *, now: datetime
) -> tuple[repository.InstalledMeter, Plausibility]:
    """Say whether a read fits between those around it, and to the use of the weeks before."""
    if read.at > now:
        raise BadInput("the read lies in the future", fields={"at": "in the future"})
    point = find_point(connection, point_code)
    meter = repository.installed_meter(connection, point, read.at)
    if meter is None:
        raise NotFound(f"no meter was installed at {point_code!r} at {read.at.isoformat()}")
    volume = volume_ml(read.volume_m3)
    if volume >= capacity_ml(meter.digits):
        raise BadInput(
            f"the register of this meter has {meter.digits} digits", fields={"volume_m3": "too many digits"}
        )
    before = repository.read_before(connection, meter.meter_id, read.at)
    usual = repository.usual_a_day(connection, meter.meter_id, read.at)
    doubts = []
    used = None
    if before is not None:
        used = step_ml(volume - before.volume_ml, capacity_ml(meter.digits))
        days = (read.at - before.at) / timedelta(days=1)
        if used < 0:
            doubts.append("it is lower than the read before: check the digits after the comma")
        elif usual is not None and used > FAR_MORE * usual * max(days, 1) and used > LEAST_DOUBT_ML:
            doubts.append("it is far more than this point uses in that time: check the first digits")
    if meter.after_ml is not None and volume > meter.after_ml:
        doubts.append("it is higher than a later read")
    return meter, Plausibility(
        plausible=not doubts,
        doubts=doubts,
        used_m3=None if used is None else Decimal(used) / ML_PER_M3,
        usual_m3_a_day=None if usual is None else Decimal(usual) / ML_PER_M3,
        previous_at=before.at if before else None,
        previous_m3=Decimal(before.volume_ml) / ML_PER_M3 if before else None,
    )


def take_read(
    connection: Connection, principal: Principal, point_code: str, read: NewManualRead, *, now: datetime
) -> None:
    """Store a read that a person took, if it is plausible or confirmed.

    What a customer reports has to fit. A removal or installation read is what it is: the utility's own word.
    """
    meter, judged = judge_read(connection, point_code, read, now=now)
    own_word = read.source in (ManualSource.INSTALLATION, ManualSource.REMOVAL)
    confirmed = read.confirm and read.source is not ManualSource.CUSTOMER
    if not (judged.plausible or own_word or confirmed):
        raise BadInput(
            f"the read is not plausible: {'; '.join(judged.doubts)}", fields={"volume_m3": "not plausible"}
        )
    volume = volume_ml(read.volume_m3)
    repository.store_reads(connection, [NewRead(meter.meter_id, read.at, volume, source=Source(read.source))])
    defer(connection, ROLL_UP, once=ROLL_UP)
    audit.record(
        connection,
        principal,
        action="take-read",
        purpose="billing",
        subject=f"point:{point_code}",
        detail={"source": read.source, "plausible": judged.plausible},
    )
