"""A Norwegian neighbour of the town: a hub of its own, a company's new connection, billed by EHF.

One installation has one country; the neighbour's is a second database on the same server, with its own settings.
"""

from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

from meterhub.simulate.demo.client import log_in, wait_for_hub
from meterhub.simulate.demo.processes import Processes, free_port
from meterhub.simulate.demo.stage import USERNAME

ENVIRONMENT = {
    "METERHUB_COUNTRY": "NO",
    "METERHUB_CURRENCY": "NOK",
    "METERHUB_ZONE": "Europe/Oslo",
    "METERHUB_UTILITY__NAME": "Eksempelvik vann og avløp (demo)",
    "METERHUB_UTILITY__BUSINESS_ID": "987654325",
    "METERHUB_UTILITY__STREET": "Brygga 1",
    "METERHUB_UTILITY__POSTAL_CODE": "0150",
    "METERHUB_UTILITY__CITY": "Eksempelvik",
    "METERHUB_UTILITY__PHONE": "+47 00 00 00 00",
    "METERHUB_UTILITY__EMAIL": "faktura@example.org",
    "METERHUB_UTILITY__IBAN": "NO9386011117947",
    "METERHUB_UTILITY__BIC": "DNBANOKK",
}
_CUSTOMER = {
    "customer_no": "K-1",
    "kind": "company",
    "name": "Eksempelvik Bryggeri AS",
    "street": "Brygga 7",
    "postal_code": "0150",
    "city": "Eksempelvik",
    "language": "nb",
    "business_id": "999999913",
    "delivery_channel": "ehf",
    "einvoice_address": "0192:999999913",
}
_PRICES: dict[str, Any] = {  # Any: JSON
    "code": "eksempelvik",
    "name": "Eksempelvik (fictional)",
    "country": "NO",
    "currency": "NOK",
    "versions": [
        {
            "component": name,
            "kind": "one_off",
            "net_price": price,
            "vat_code": "water",
            "valid_from": "2025-07-01",
            "parameters": {"names": {"nb": words}},
        }
        for name, price, words in (
            ("CONNECTION_WATER", "18500.00", "Tilknytning vann"),
            ("CONNECTION_WASTEWATER", "21500.00", "Tilknytning avløp"),
        )
    ],
    "vat": [{"code": "water", "category": "S", "rate": "15", "valid_from": "2025-07-01"}],
}


def ehf_invoice(processes: Processes, password: str, on: date, out: Path) -> Path:
    """Bill the connection in the neighbour's hub, which runs only for that; return the EHF document's file."""
    processes.run("migrate")
    processes.run(
        "user", "add", USERNAME, "--role", "admin", "--role", "billing", "--password-stdin", stdin=password
    )
    port = free_port(0)
    url = f"http://127.0.0.1:{port}"
    processes.start("neighbour", "serve", "--port", str(port))
    wait_for_hub(url, processes.check)
    with closing(log_in(url, USERNAME, password)) as hub:
        hub.call("POST", "/api/v1/import/registers", {"customers": [_CUSTOMER]})
        hub.call("POST", "/api/v1/tariffs", _PRICES)
        draft = {
            "purpose": "connection",
            "customer_no": _CUSTOMER["customer_no"],
            "tariff": _PRICES["code"],
            "delivered_on": on.isoformat(),
            "items": [{"component": version["component"], "quantity": "1"} for version in _PRICES["versions"]],
        }
        bill = hub.call("POST", "/api/v1/billing/other-bills", draft)
        issued = hub.call("POST", f"/api/v1/billing/other-bills/{bill['id']}/issue", {"issued_on": on.isoformat()})
        file = out / f"ehf-{issued['invoice']}.xml"
        file.write_bytes(hub.download(f"/api/v1/invoices/{issued['invoice']}/ubl"))
    return file
