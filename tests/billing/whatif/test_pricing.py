"""A what-if comes to what the pure quote comes to, account by account, whatever the list."""

from datetime import date
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from meterhub.billing.rating.components import KINDS
from meterhub.billing.rating.documents import document
from meterhub.billing.rating.model import Country, Site, TariffVersion, VatVersion
from meterhub.billing.rating.strict_json import Fields
from meterhub.billing.whatif.pricing import Shape, YearlyPrices
from meterhub.billing.whatif.summing import EDGES, spread_class
from meterhub.kit.periods import DateRange

VAT = [VatVersion("std", "S", Decimal("25.5"), date.min), VatVersion("low", "S", Decimal(14), date.min)]
SITE = Site(
    meter_size_mm=20, floor_area_m2=Decimal(150), plot_area_m2=Decimal(800), dwellings=3, building_type="row"
)
PRICES = st.decimals(min_value=0, max_value=50, places=4)


def version(code, kind, price="0", vat="std", service=None, **parameters):
    return TariffVersion(
        code, kind, Decimal(price), vat, date.min, None, service, KINDS[kind].parameters(Fields(parameters, "x"))
    )


@st.composite
def lists(draw):
    versions = [
        version("WATER", "volumetric", draw(PRICES), service="water"),
        version("WASTE", "volumetric", draw(PRICES), draw(st.sampled_from(["std", "low"])), service="wastewater"),
    ]
    more = [
        version("BASE", "fixed", draw(PRICES), apportion=draw(st.sampled_from(["months", "days_of_year"]))),
        version("SIZE", "meter_size", sizes={"20": "111.50"}),
        version("AREA", "floor_area", draw(PRICES), factors={"row": "2.7"}),
        version("HOMES", "dwelling", draw(PRICES), "low"),
        version("STORM", "stormwater", draw(PRICES), factors={"row": "4"}),
        version("SEWER", "surcharge", percent="50", of=["WATER"]),
        version("LESS", "credit", "0", "low", percent="12.5", of=["WATER", "BASE"]),
        version("LEAST", "minimum", draw(st.decimals(min_value=0, max_value=900, places=2))),
    ]
    chosen = [one for one in more if draw(st.booleans())]
    return YearlyPrices(Country.FI, "EUR", versions + chosen, VAT)


@given(
    lists(),
    st.integers(0, 10**10),
    st.sampled_from([("water",), ("wastewater",), ("water", "wastewater"), ()]),
    st.sampled_from([(date(2025, 1, 1), date(2026, 1, 1)), (date(2024, 1, 1), date(2024, 8, 17))]),
)
def test_every_account_comes_to_its_pure_quote(prices, volume_ml, services, days):
    shape = Shape(services, DateRange(*days), SITE)
    rated = prices.rate(shape, volume_ml)
    lines = prices.quoted(shape, (volume_ml + 500) // 1000)
    expected = document("payer", lines) if lines else None
    assert rated.net == (expected.net if expected else 0)
    assert rated.gross == (expected.gross if expected else 0)
    for code, net in rated.components.items():
        assert net == sum(line.net for line in lines if line.code == code)


def test_the_classes_of_change_meet_without_gap_and_overlap():
    assert spread_class(Decimal(100), Decimal("-20.01")) == 0
    assert spread_class(Decimal(100), Decimal(-20)) == 1
    assert spread_class(Decimal(100), Decimal("-0.01")) == EDGES.index(0)
    assert spread_class(Decimal(100), Decimal(0)) == EDGES.index(0) + 1
    assert spread_class(Decimal(100), Decimal(20)) == len(EDGES)
    assert spread_class(Decimal(0), Decimal(5)) == len(EDGES)
