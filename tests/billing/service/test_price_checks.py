"""A price list that would not hold is refused whole, with the code and the place of each fault."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from meterhub.billing import prices
from meterhub.billing.rating.price_checks import earliest
from meterhub.billing.schemas import TariffDocument, TariffVersionIn

TODAY = date(2026, 3, 1)
OLD = {"net_price": "1.50", "valid_from": "2025-01-01", "valid_to": "2027-01-01"}
NEW = {"net_price": "1.60", "valid_from": "2027-01-01"}


def document(*versions):
    return TariffDocument.model_validate(
        {
            "code": "town",
            "name": "Town",
            "country": "FI",
            "currency": "EUR",
            "versions": [
                {"component": "WATER", "kind": "volumetric", "service": "water", "vat_code": "standard"} | version
                for version in versions
            ],
            "vat": [{"code": "standard", "category": "S", "rate": "25.5", "valid_from": "2024-09-01"}],
        }
    )


def load(town, *versions, today=TODAY):
    with town.engine.begin() as connection:
        return prices.import_tariff(connection, document(*versions), "clerk", today=today)


def faults(town, *versions):
    with pytest.raises(prices.BadPriceList) as refused:
        load(town, *versions)
    assert refused.value.code == "bad-price-list"
    return {place: message.partition(":")[0] for place, message in refused.value.fields.items()}


def test_a_price_to_come_says_when_it_was_announced(town):
    assert faults(town, OLD, NEW) == {"versions[1].announced_on": "announcement_missing"}
    assert load(town, OLD, NEW | {"announced_on": "2026-09-30"}).added == 2


def test_a_price_announced_too_late_is_refused_with_the_first_lawful_day(town):
    with pytest.raises(prices.BadPriceList, match="begin on 2027-01-02 at the earliest") as refused:
        load(town, OLD, NEW | {"announced_on": "2026-10-02"})
    assert list(refused.value.fields) == ["versions[1].valid_from"]
    assert town.scalar("SELECT count(*) FROM tariff WHERE code = 'town'") == 0


def test_the_history_of_an_earlier_system_needs_no_announcement(town):
    past = NEW | {"valid_from": "2026-01-01"}
    assert load(town, OLD | {"valid_to": "2026-01-01"}, past).added == 2


def test_days_without_a_price_and_without_vat_are_all_named_at_once(town):
    late = NEW | {"valid_from": "2027-02-01", "announced_on": "2026-03-01"}
    before_vat = {
        "component": "OLD",
        "kind": "fixed",
        "service": None,
        "net_price": "1",
        "valid_from": "2010-01-01",
    }
    assert faults(town, OLD, late, before_vat) == {
        "versions[1].valid_from": "tariff_gap",
        "versions[2].vat_code": "vat_missing",
    }


def test_a_gap_to_what_is_stored_is_found_too(town):
    load(town, OLD)
    late = NEW | {"valid_from": "2027-02-01", "announced_on": "2026-03-01"}
    assert faults(town, late) == {"versions[0].valid_from": "tariff_gap"}


def test_a_check_tells_what_would_change_and_changes_nothing(town):
    with town.engine.connect() as connection:
        assert prices.check_tariff(connection, document(OLD), TODAY).added == 1
        connection.rollback()
    assert town.scalar("SELECT count(*) FROM tariff WHERE code = 'town'") == 0


def test_parameters_are_kept_and_come_out_again(town):
    fee = {"component": "BASE", "kind": "meter_size", "service": None, "valid_from": "2025-01-01"}
    fee |= {"parameters": {"sizes": {"20": "111.50"}, "apportion": "months"}, "ledger_account": "3010"}
    load(town, fee)
    with town.engine.connect() as connection:
        (tariff,) = [one for one in prices.list_tariffs(connection) if one.code == "town"]
    assert tariff.versions[0].parameters == {"sizes": {"20": "111.50"}, "apportion": "months"}
    assert tariff.versions[0].ledger_account == "3010"
    assert load(town, fee).unchanged == 2


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"kind": "by_moon"}, "none of volumetric"),
        ({"kind": "volumetric"}, "needs a service"),
        ({"kind": "fixed", "net_price": ...}, "rate_missing"),
        ({"kind": "fixed", "parameters": {"colour": "blue"}}, "parameters.colour"),
        ({"kind": "meter_size", "parameters": {"sizes": {}}}, "rate_missing"),
        ({"kind": "meter_size", "parameters": {"sizes": {"20": "1"}}}, "parameters hold the prices"),
        ({"kind": "meter_size", "parameters": {"sizes": {"20": "-1"}}, "net_price": ...}, "negative_price"),
    ],
)
def test_a_version_that_does_not_fit_its_kind_is_refused(fields, complaint):
    version = {"component": "X", "net_price": "1", "vat_code": "standard", "valid_from": "2025-01-01"} | fields
    version = {name: value for name, value in version.items() if value is not ...}
    with pytest.raises(ValidationError, match=complaint):
        TariffVersionIn.model_validate(version)


@given(st.dates(date(2000, 1, 1), date(2200, 1, 1)), st.integers(0, 24))
def test_notice_never_ends_in_another_month_and_is_never_shorter_than_its_days(told, months):
    day = earliest(told, months)
    assert (day.year * 12 + day.month) - (told.year * 12 + told.month) == months
    assert day.day <= told.day
    assert (day - told).days >= months * 28
