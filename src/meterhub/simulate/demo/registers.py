"""The town's registers as a utility would hand them over: one import document, and keys with two faults.

Homes whose meters are not heard are billed on estimates, too high for the first, too low for the next; the first
home that is heard belongs to a housing company, which gets e-invoices.
"""

from datetime import date, datetime, timedelta
from typing import Any

from meterhub.simulate.town import Home, Town

WRONG_KEY = "00112233445566778899AABBCCDDEEFF"
M3_A_HEAD = 40
# By how much what was agreed on when people moved in is off [%].
OFF = (160, 60)


def first_billed_day(town: Town) -> date:
    """Return the first local day that lies whole in the town's history."""
    return town.start.astimezone(town.zone).date() + timedelta(days=1)


def import_document(town: Town) -> dict[str, Any]:
    """Return all homes with their meters; one key is missing, one is wrong."""
    since = first_billed_day(town).isoformat()
    return {
        "properties": [{"property_code": f"543-1-{home.number}-1", **_address(home)} for home in town.homes],
        "customers": [
            {
                "customer_no": customer_no(home),
                "name": home.customer,
                "language": "sv" if home.customer.endswith(("Lindqvist", "Bäckström")) else "fi",
                **_address(home),
                **(_HOUSING_COMPANY if home is town.on_air[0] else {}),
            }
            for home in town.homes
        ],
        "metering_points": [
            {
                "point_code": home.point_code,
                "property_code": f"543-1-{home.number}-1",
                "services": ["water", "wastewater"],
            }
            for home in town.homes
        ],
        "meters": [_meter(home, _known_key(town, home)) for home in town.homes],
        "installations": [
            {
                "manufacturer": home.address.manufacturer,
                "serial": home.address.serial,
                "point_code": home.point_code,
                "installed_at": _instant(town.start),
            }
            for home in town.homes
        ],
        "contracts": [
            {
                "contract_no": contract_no(home),
                "customer_no": customer_no(home),
                "point_code": home.point_code,
                "start_on": since,
                "regime": "estimate" if home.point_code in town.silent else "amr",
            }
            for home in town.homes
        ],
        "annual_volumes": [
            {
                "contract_no": contract_no(home),
                "valid_from": since,
                "annual_m3": str(home.household.occupants * M3_A_HEAD * OFF[number % 2] // 100),
            }
            for number, home in enumerate(silent_homes(town))
        ],
    }


def silent_homes(town: Town) -> list[Home]:
    """Return the homes whose meters nobody hears."""
    return [home for home in town.homes if home.point_code in town.silent]


def customer_no(home: Home) -> str:
    """Return the number of the customer who lives in a home."""
    return f"C{home.number:05d}"


def contract_no(home: Home) -> str:
    """Return the number of a home's contract."""
    return f"A{home.number:05d}"


_HOUSING_COMPANY = {
    "kind": "housing_company",
    "name": "Asunto Oy Mallilan Rantakoto",
    "business_id": "1234567-1",
    "delivery_channel": "finvoice",
    "einvoice_address": "003712345671",
    "einvoice_operator": "003721291126",
}


def _known_key(town: Town, home: Home) -> str | None:
    if home.key is None or home.point_code == town.keyless:
        return None
    return WRONG_KEY if home.point_code == town.miskeyed else home.key.hex()


def _meter(home: Home, key: str | None) -> dict[str, Any]:
    meter = {
        "manufacturer": home.address.manufacturer,
        "serial": home.address.serial,
        "device_version": home.address.device_version,
        "device_type": home.address.device_type,
        "model": home.family.name,
    }
    return meter | ({"key": key} if key else {})


def _address(home: Home) -> dict[str, str]:
    return {"street": home.street, "postal_code": "04200", "city": "Mallila"}


def _instant(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
