"""Strict reading of a quote given as JSON: every rule of the format, before anything is computed."""

from datetime import date
from decimal import Decimal

from meterhub.billing.rating.components import KINDS
from meterhub.billing.rating.errors import RatingError, Reason
from meterhub.billing.rating.model import (
    Country,
    EarlierLine,
    FixedMethod,
    Item,
    LeakCredit,
    Line,
    Move,
    Payer,
    Quality,
    Quote,
    Regime,
    Rules,
    Service,
    Site,
    TariffVersion,
    VatCut,
    VatVersion,
)
from meterhub.billing.rating.strict_json import Fields, bad
from meterhub.billing.rating.tariffs import MAX_PRICE_DECIMALS, PriceList
from meterhub.billing.rating.traces import Apportion
from meterhub.billing.scenario.points import ML_EXPONENT, point_from, zone_of
from meterhub.kit.money import net_of_gross

ZONES = {Country.FI: "Europe/Helsinki", Country.NO: "Europe/Oslo"}
DEFAULT_PAYER = Payer("customer")

_ZERO = Decimal(0)
_HUNDRED = Decimal(100)
_VAT_CATEGORIES = ("S", "E", "Z", "O")


def quote_from(fields: Fields) -> Quote:
    """Return the quote of a JSON object; the field `kind` was read before."""
    country = fields.choice("country", Country)
    zone = fields.text("zone", ZONES[country])
    if zone != ZONES[country]:
        zone_of(zone, fields.at("zone"))
    quote = Quote(
        country=country,
        currency=fields.text("currency"),
        period=fields.period("period"),
        prices=PriceList.of(
            [_tariff_version(one) for one in fields.objects("tariff")],
            [_vat_version(one) for one in fields.objects("vat")],
        ),
        points=tuple(point_from(one, zone) for one in fields.objects("points", default_empty=True)),
        regime=fields.choice("regime", Regime, Regime.METERED),
        earlier=tuple(_earlier(one) for one in fields.objects("earlier", default_empty=True)),
        payers=_payers(fields),
        move=_move(fields.optional_nested("move")),
        leak_credit=_leak_credit(fields.optional_nested("leak_credit")),
        items=tuple(_item(one) for one in fields.objects("items", default_empty=True)),
        sites=tuple(_site(one) for one in fields.objects("sites", default_empty=True)),
        rules=_rules(fields),
    )
    fields.done()
    return quote


def line_from(fields: Fields, *, with_refers_to: bool) -> Line:
    """Return a stored line; what does not apply may be null or missing."""
    line = Line(
        code=fields.text("code"),
        point=fields.optional_text("point"),
        period=fields.period("period") if fields.has("period") else None,
        quantity=fields.decimal("quantity"),
        unit=fields.text("unit"),
        unit_price=fields.price("unit_price"),
        price_base_quantity=fields.decimal("price_base_quantity"),
        net=fields.decimal("net", decimals=2),
        vat_category=_vat_category(fields, "vat_category"),
        vat_rate=fields.decimal("vat_rate", low=_ZERO),
        quality=fields.choice("quality", Quality) if fields.has("quality") else None,
        refers_to=fields.optional_text("refers_to") if with_refers_to else None,
    )
    if line.price_base_quantity <= 0:
        raise bad(
            Reason.BAD_SCENARIO,
            fields.at("price_base_quantity"),
            str(line.price_base_quantity),
            "is not above 0",
        )
    return line


def _earlier(fields: Fields) -> EarlierLine:
    earlier = EarlierLine(
        document=fields.text("document"),
        line=line_from(fields, with_refers_to=False),
        payer=fields.optional_text("payer"),
    )
    fields.done()
    return earlier


def _tariff_version(fields: Fields) -> TariffVersion:
    name = fields.text("kind")
    kind = KINDS.get(name)
    if kind is None:
        raise bad(Reason.BAD_SCENARIO, fields.at("kind"), name, f"is none of {', '.join(KINDS)}")
    service = fields.choice("service", Service) if kind.needs_service else fields.optional_text("service")
    valid_from, valid_to = fields.validity()
    parameters = kind.parameters(fields)
    version = TariffVersion(
        code=fields.text("code"),
        kind=name,
        net_price=_net_price(fields) if kind.priced(parameters) else _no_price(fields),
        vat_code=fields.text("vat_code"),
        valid_from=valid_from,
        valid_to=valid_to,
        service=service,
        parameters=parameters,
    )
    fields.done()
    return version


def _net_price(fields: Fields) -> Decimal:
    if not fields.has("gross_price"):
        return fields.price("net_price")
    if fields.has("net_price"):
        raise RatingError(Reason.BAD_SCENARIO, f"{fields.at('net_price')}: contradicts gross_price")
    gross_price = fields.price("gross_price")
    rate = fields.decimal("gross_vat_rate", low=_ZERO)
    decimals = fields.decimal("price_decimals", Decimal(2))
    if decimals != int(decimals) or not 0 <= decimals <= MAX_PRICE_DECIMALS:
        raise bad(
            Reason.BAD_DECIMAL,
            fields.at("price_decimals"),
            str(decimals),
            f"is not a whole number up to {MAX_PRICE_DECIMALS}",
        )
    return net_of_gross(gross_price, rate, int(decimals))


def _no_price(fields: Fields) -> Decimal:
    """Return the price of a component whose prices stand in its parameters: zero, or not given at all."""
    if fields.has("net_price") and fields.price("net_price"):
        raise RatingError(Reason.BAD_SCENARIO, f"{fields.at('net_price')}: the parameters hold the prices")
    return _ZERO


def _site(fields: Fields) -> Site:
    site = Site(
        valid_from=fields.optional_day("valid_from") or date.min,
        meter_size_mm=fields.integer("meter_size_mm", 1, 9999) if fields.has("meter_size_mm") else None,
        floor_area_m2=fields.optional_decimal("floor_area_m2", low=_ZERO),
        plot_area_m2=fields.optional_decimal("plot_area_m2", low=_ZERO),
        dwellings=fields.integer("dwellings", 0, 9999) if fields.has("dwellings") else None,
        building_type=fields.optional_text("building_type"),
        marks=frozenset(fields.texts("marks", default_empty=True)),
    )
    fields.done()
    return site


def _vat_version(fields: Fields) -> VatVersion:
    valid_from, valid_to = fields.validity()
    version = VatVersion(
        code=fields.text("code"),
        category=_vat_category(fields, "category"),
        rate=fields.decimal("rate", low=_ZERO),
        valid_from=valid_from,
        valid_to=valid_to,
    )
    if version.category != "S" and version.rate:
        raise bad(
            Reason.BAD_SCENARIO,
            fields.at("rate"),
            str(version.rate),
            f"contradicts category {version.category}",
        )
    fields.done()
    return version


def _vat_category(fields: Fields, name: str) -> str:
    category = fields.text(name)
    if category not in _VAT_CATEGORIES:
        raise bad(Reason.BAD_SCENARIO, fields.at(name), category, "is none of S, E, Z, O")
    return category


def _payers(fields: Fields) -> tuple[Payer, ...]:
    if not fields.has("payers"):
        return (DEFAULT_PAYER,)
    payers = []
    for one in fields.objects("payers"):
        payers.append(Payer(one.text("id"), one.decimal("weight")))
        one.done()
    return tuple(payers)


def _move(fields: Fields | None) -> Move | None:
    if fields is None:
        return None
    move = Move(fields.day("date"), fields.text("out"), fields.text("in"))
    fields.done()
    return move


def _leak_credit(fields: Fields | None) -> LeakCredit | None:
    if fields is None:
        return None
    percent = fields.decimal("percent", _HUNDRED, low=_ZERO)
    if percent > _HUNDRED:
        raise bad(Reason.BAD_SCENARIO, fields.at("percent"), str(percent), "is above 100")
    leak = LeakCredit(
        component=fields.text("component"),
        normal_annual_m3=fields.decimal("normal_annual", low=_ZERO),
        point=fields.optional_text("point"),
        percent=percent,
        cap_m3=fields.optional_decimal("cap_m3", low=_ZERO),
    )
    fields.done()
    return leak


def _item(fields: Fields) -> Item:
    item = Item(
        code=fields.text("code"),
        quantity=fields.decimal("quantity"),
        net_price=fields.price("net_price"),
        vat_code=fields.text("vat_code"),
        unit=fields.text("unit", "C62"),
        on=fields.optional_day("date"),
        payer=fields.optional_text("payer"),
    )
    fields.done()
    return item


def _rules(fields: Fields) -> Rules:
    given = fields.optional_nested("rules")
    if given is None:
        return Rules()
    tolerance = given.decimal("reverse_tolerance_m3", Decimal(1), low=_ZERO)
    rules = Rules(
        fixed_method=given.choice("fixed_method", FixedMethod) if given.has("fixed_method") else None,
        volume_apportion=given.choice("volume_apportion", Apportion) if given.has("volume_apportion") else None,
        vat_cut=given.choice("vat_cut", VatCut, VatCut.SPLIT),
        reverse_tolerance_ml=int(tolerance.scaleb(ML_EXPONENT)),
    )
    given.done()
    return rules
