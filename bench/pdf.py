"""Invoices to PDF on one core, against typst compiling an empty page to the same standards in the same run."""

import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from statistics import median

import typst
from tests.billing.documents import builders

from meterhub.billing.documents.model import IssuedDocument
from meterhub.billing.einvoice.making import make_finvoice, make_ubl
from meterhub.billing.paper.render import STANDARDS, invoice_pdf

RUNS = 5
DOCUMENTS = 60
EMPTY = (
    "#set document(title: sys.inputs.number, date: datetime(year: 2025, month: 4, day: 10))\n"
    '#set text(lang: "fi")\n'
)
# A quarter of reads and weeks of consumption, as a household gets it: one page with all its parts.
SNAPSHOT = {
    "property": {"property_code": "245-1-17", "street": "Mallikatu 5", "postal_code": "04200", "city": "Kerava"},
    "point": {"point_code": "MP-00017", "services": ["water", "wastewater"]},
    "installations": [
        {
            "manufacturer": "KAM",
            "serial": "12345678",
            "digits": 5,
            "reads": [
                {"on": "2025-01-01", "volume_ml": 1_000_000_000, "basis": "read"},
                {"on": "2025-04-01", "volume_ml": 1_042_000_000, "basis": "read"},
            ],
        }
    ],
    "tariff": {"name": "Prices of 2025"},
    "chart": {
        "unit": "week",
        "start": "2025-01-01",
        "volumes_ml": [3_000_000, 2_500_000, 4_000_000] * 4 + [2_500_000],
    },
}


def run() -> Iterator[dict[str, object]]:
    """Yield the rates of PDFs and e-invoices a second of one core's time, and what an empty page takes."""
    with tempfile.TemporaryDirectory(prefix="mh-bench-") as folder:
        source = Path(folder) / "empty.typ"
        source.write_text(EMPTY)
        blank = typst.Compiler(source, ignore_system_fonts=True)
        makers: dict[str, Callable[[IssuedDocument], bytes]] = {
            "pdf": invoice_pdf,
            "empty": lambda document: _blank(blank, document),
            "ubl": make_ubl,
            "finvoice": make_finvoice,
        }
        rates: dict[str, list[float]] = {name: [] for name in makers}
        documents = _documents()
        for make in makers.values():
            make(documents[0])
        for number in range(RUNS):
            part = documents[1 + number * DOCUMENTS : 1 + (number + 1) * DOCUMENTS]
            for name, make in makers.items():
                rates[name].append(_rate(make, part))
    empty = median(rates["empty"])
    for name, bench in (("pdf", "invoice-pdf"), ("ubl", "invoice-peppol"), ("finvoice", "invoice-finvoice")):
        yield {
            "bench": bench,
            "rate": round(median(rates[name])),
            "unit": "documents/s of a core's time",
            "against": "an empty page by the same compiler to the same standards, same run",
            "against_rate": round(empty),
            "ratio": round(median(rates[name]) / empty, 4),
            "runs": RUNS,
        }


def _blank(compiler: typst.Compiler, document: IssuedDocument) -> bytes:
    made = compiler.compile(format="pdf", sys_inputs={"number": document.number}, pdf_standards=[*STANDARDS])
    assert isinstance(made, bytes)
    return made


def _documents() -> list[IssuedDocument]:
    """Return documents that differ, so that nothing of one is of use to the next."""
    first = builders.b1()
    first = replace(first, snapshot={**first.snapshot, **SNAPSHOT})
    buyer = replace(first.buyer, einvoice_operator="BAWCFI22")
    return [
        replace(first, number=f"2025-{number:06d}", buyer=replace(buyer, name=f"Asunto Oy {number}"))
        for number in range(1 + RUNS * DOCUMENTS)
    ]


def _rate(make: Callable[[IssuedDocument], bytes], documents: list[IssuedDocument]) -> float:
    """Return documents a second of processor time, whichever thread used it."""
    started = time.process_time()
    for document in documents:
        make(document)
    return len(documents) / (time.process_time() - started)
