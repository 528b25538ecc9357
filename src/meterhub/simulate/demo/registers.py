"""The town's registers as a utility would hand them over: one import document, and keys with two faults."""

from datetime import date, datetime, timedelta
from typing import Any

from meterhub.simulate.town import Home, Town

WRONG_KEY = "00112233445566778899AABBCCDDEEFF"


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
                "customer_no": f"C{home.number:05d}",
                "name": home.customer,
                "language": "sv" if home.customer.endswith(("Lindqvist", "Bäckström")) else "fi",
                **_address(home),
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
                "contract_no": f"A{home.number:05d}",
                "customer_no": f"C{home.number:05d}",
                "point_code": home.point_code,
                "start_on": since,
            }
            for home in town.homes
        ],
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
