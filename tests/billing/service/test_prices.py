from datetime import date
from decimal import Decimal

import pytest

from meterhub.billing import prices
from meterhub.billing.schemas import TariffDocument
from meterhub.errors import BadInput, Conflict, NotFound
from tests.billing.service.town import Town, b1_house


def document(*versions, vat=(), code="town"):
    return TariffDocument.model_validate(
        {
            "code": code,
            "name": "Town",
            "country": "FI",
            "currency": "EUR",
            "versions": [
                {"component": "WATER", "kind": "volumetric", "service": "water", "vat_code": "standard"} | version
                for version in versions
            ],
            "vat": list(vat),
        }
    )


def load(town, *arguments, **options):
    with town.engine.begin() as connection:
        return prices.import_tariff(connection, document(*arguments, **options), "clerk")


OPEN = {"net_price": "1.50", "valid_from": "2025-01-01"}


def test_an_import_tells_what_is_new_and_again_that_nothing_is(town):
    assert load(town, OPEN).model_dump() == {"code": "town", "added": 1, "closed": 0, "unchanged": 0}
    assert load(town, OPEN).model_dump() == {"code": "town", "added": 0, "closed": 0, "unchanged": 1}


def test_a_version_that_overlaps_a_stored_one_is_refused_with_both_periods(town):
    load(town, OPEN)
    with pytest.raises(Conflict) as refused:
        load(town, {"net_price": "1.60", "valid_from": "2026-01-01"})
    assert refused.value.detail == (
        "component 'WATER' of tariff 'town': the version from 2026-01-01 on overlaps the stored one from "
        "2025-01-01 on; send that version again with valid_to 2026-01-01 to end it first"
    )


def test_an_open_version_is_ended_once_and_a_successor_follows(town):
    load(town, OPEN)
    result = load(town, OPEN | {"valid_to": "2026-01-01"}, {"net_price": "1.60", "valid_from": "2026-01-01"})
    assert result.model_dump() == {"code": "town", "added": 1, "closed": 1, "unchanged": 0}
    with town.engine.connect() as connection:
        (tariff,) = [one for one in prices.list_tariffs(connection) if one.code == "town"]
    assert [(one.net_price, one.valid_from, one.valid_to) for one in tariff.versions] == [
        (Decimal("1.50"), date(2025, 1, 1), date(2026, 1, 1)),
        (Decimal("1.60"), date(2026, 1, 1), None),
    ]


def test_a_stored_price_is_not_changed(town):
    load(town, OPEN)
    with pytest.raises(Conflict, match="overlaps"):
        load(town, OPEN | {"net_price": "1.51"})


def test_a_version_does_not_end_before_what_is_billed_with_it(town):
    b1_house(town)
    town.bill()
    with town.engine.begin() as connection, pytest.raises(Conflict, match="billed until 2025-04-01 already"):
        prices.import_tariff(
            connection,
            document(
                {"net_price": "1.44", "valid_from": "2024-09-01", "valid_to": "2025-03-01"}, code="example-town"
            ),
            "clerk",
        )


def test_overlaps_inside_one_document_are_refused_too(town):
    with pytest.raises(Conflict, match="overlaps"):
        load(town, OPEN, {"net_price": "1.60", "valid_from": "2025-06-01"})
    assert town.scalar("SELECT count(*) FROM tariff WHERE code = 'town'") == 0


def test_a_vat_code_that_nobody_knows_is_named(town):
    with pytest.raises(BadInput, match="no VAT rate has the code 'reduced'"):
        load(town, OPEN | {"vat_code": "reduced"})


def test_one_component_keeps_one_kind(town):
    load(town, OPEN | {"valid_to": "2026-01-01"})
    with pytest.raises(Conflict, match="one kind and service"):
        load(town, {"net_price": "9", "valid_from": "2026-01-01", "kind": "fixed"})


def test_a_vat_rate_that_contradicts_a_stored_one_is_refused(town):
    with pytest.raises(Conflict, match="VAT code 'standard'"):
        load(
            town,
            OPEN,
            vat=[{"code": "standard", "category": "S", "rate": "26", "valid_from": "2024-09-01"}],
        )


def test_both_shipped_lists_load_side_by_side_and_kerava_has_no_base_fee(engine):
    town = Town(engine, "kerava-2024")
    Town(engine, "example-town")
    components = town.rows(
        "SELECT DISTINCT t.code, v.component FROM tariff t "
        "JOIN tariff_version v ON v.tariff_id = t.id ORDER BY 1, 2"
    )
    assert components == [
        ("example-town", "BASE_WASTEWATER"),
        ("example-town", "BASE_WATER"),
        ("example-town", "WASTEWATER"),
        ("example-town", "WATER"),
        ("kerava-2024", "WASTEWATER"),
        ("kerava-2024", "WATER"),
    ]
    assert town.scalar("SELECT count(*) FROM vat_rate") == 2


def test_a_list_that_is_not_shipped_is_not_found():
    with pytest.raises(NotFound, match="kerava-2024, example-town"):
        prices.shipped_tariff("atlantis")
