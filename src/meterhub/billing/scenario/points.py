"""Strict reading of metering points, meters and reads given as JSON."""

from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from meterhub.billing.rating.errors import RatingError, Reason
from meterhub.billing.rating.model import Installation, Point, Read, ReadSource, Role, Service
from meterhub.billing.rating.strict_json import Fields, bad
from meterhub.kit.money import multiply

ML_EXPONENT = 6

_ZERO = Decimal(0)
_VOLUME_DECIMALS = 3


def point_from(fields: Fields, zone: str) -> Point:
    """Return a metering point; instants of reads count on their local date in the zone."""
    services = fields.texts("services", default_empty=True) if fields.has("services") else list(Service)
    unknown = [service for service in services if service not in list(Service)]
    if unknown or len(set(services)) != len(services):
        raise bad(Reason.BAD_SCENARIO, fields.at("services"), services, "is not water and wastewater at most once")
    point = Point(
        id=fields.text("id"),
        installations=tuple(
            _installation(one, zone) for one in fields.objects("installations", default_empty=True)
        ),
        role=fields.choice("role", Role, Role.MAIN),
        services=tuple(Service(service) for service in services),
        payer=fields.optional_text("payer"),
        deducts_from=fields.optional_text("deducts_from"),
        annual_m3=_annual_m3(fields),
        billed_mark_ml=_volume_ml(fields, "billed_mark") if fields.has("billed_mark") else None,
    )
    fields.done()
    return point


def _annual_m3(fields: Fields) -> Decimal | None:
    stipulated = fields.optional_nested("stipulated")
    product = None
    if stipulated is not None:
        basis, factor = stipulated.decimal("basis", low=_ZERO), stipulated.decimal("factor", low=_ZERO)
        product = multiply(basis, factor)
        stipulated.done()
    estimate = fields.optional_decimal("annual_estimate", low=_ZERO)
    return product if estimate is None else estimate


def _installation(fields: Fields, zone: str) -> Installation:
    installation = Installation(
        meter=fields.text("meter"),
        reads=tuple(_read(one, zone) for one in fields.objects("reads")),
        digits=fields.integer("digits", 1, 12, 5),
        qmax_m3h=fields.optional_decimal("qmax_m3h", low=_ZERO),
    )
    fields.done()
    return installation


def _read(fields: Fields, zone: str) -> Read:
    read = Read(
        on=_read_day(fields, zone),
        volume_ml=_volume_ml(fields, "m3"),
        source=fields.choice("source", ReadSource),
        confirmed=fields.flag("confirmed", default=False),
    )
    fields.done()
    return read


def _read_day(fields: Fields, zone: str) -> date:
    if fields.has("at"):
        if fields.has("on"):
            raise RatingError(Reason.BAD_SCENARIO, f"{fields.at('on')}: contradicts at")
        text = fields.text("at")
        try:
            instant = datetime.fromisoformat(text)
        except ValueError:
            instant = None
        if instant is None or instant.tzinfo is None:
            raise bad(Reason.BAD_SCENARIO, fields.at("at"), text, "is not an instant with its offset")
        return instant.astimezone(zone_of(zone, fields.at("at"))).date()
    return fields.day("on")


def _volume_ml(fields: Fields, name: str) -> int:
    return int(fields.decimal(name, decimals=_VOLUME_DECIMALS).scaleb(ML_EXPONENT))


def zone_of(name: str, path: str) -> ZoneInfo:
    """Return a time zone, looked up only where an instant needs it; raises bad_scenario."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise bad(Reason.BAD_SCENARIO, path, name, "is not a time zone") from None
