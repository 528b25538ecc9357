"""Invoices to PDF on one core, against typst compiling an empty page to the same standards in the same run."""

import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from statistics import median

import typst
from tests.billing import scenarios
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
    return [_document(number, Random(number)) for number in range(1 + RUNS * DOCUMENTS)]


def _document(number: int, random: Random) -> IssuedDocument:
    """Return a quarter's invoice of a household: one page with all its parts."""
    opening_l, used_l = random.randrange(100_000, 900_000), random.randrange(8_000, 90_000)
    closing_l = opening_l + used_l
    used = scenarios.point_used(f"{opening_l / 1000:.3f}", f"{closing_l / 1000:.3f}")
    reads = [
        {"on": day, "volume_ml": litres * 1000, "basis": "read"}
        for day, litres in zip(scenarios.Q1, (opening_l, closing_l), strict=True)
    ]
    installation = {"manufacturer": "KAM", "serial": f"{random.randrange(10**8):08d}", "digits": 5, "reads": reads}
    chart = {**builders.HOUSEHOLD["chart"], "volumes_ml": [random.randrange(10**6, 6 * 10**6) for _ in range(13)]}
    made = builders.issued(
        scenarios.document(scenarios.quote(used)),
        number=f"2025-{number:06d}",
        snapshot={**builders.HOUSEHOLD, "installations": [installation], "chart": chart},
    )
    buyer = replace(made.buyer, einvoice_operator="BAWCFI22", name=f"Asunto Oy {number}")
    return replace(made, buyer=replace(buyer, address=replace(buyer.address, street=f"Mallikatu {number}")))


def _rate(make: Callable[[IssuedDocument], bytes], documents: list[IssuedDocument]) -> float:
    """Return documents a second of processor time, whichever thread used it."""
    started = time.process_time()
    for document in documents:
        make(document)
    return len(documents) / (time.process_time() - started)
