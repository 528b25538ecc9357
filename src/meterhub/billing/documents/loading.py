"""Issued documents as they are stored, for whoever shows or sends them."""

from dataclasses import replace
from datetime import date

from sqlalchemy import Connection

from meterhub.billing import repository
from meterhub.billing.documents.model import IssuedDocument
from meterhub.billing.documents.reading import document_of
from meterhub.billing.rating.model import Line, Quality
from meterhub.billing.rating.serialise import trace_from_json
from meterhub.billing.schemas import InvoiceDetail, InvoiceLineOut, InvoiceOut, VatSum
from meterhub.errors import NotFound
from meterhub.kit.db import AnyRow
from meterhub.kit.periods import DateRange


def find_invoice(connection: Connection, number: str) -> InvoiceDetail:
    """Return an issued document with everything stored about it; raise NotFound."""
    row = repository.invoice_by_number(connection, number)
    if row is None:
        raise NotFound(f"there is no invoice {number!r}")
    lines = [
        InvoiceLineOut.model_validate({**line._mapping, "period": _period(line)})
        for line in repository.invoice_lines(connection, row.id)
    ]
    groups = [VatSum.model_validate(group._mapping) for group in repository.invoice_vat_groups(connection, row.id)]
    return InvoiceDetail(**invoice_out(row).model_dump(), lines=lines, vat_groups=groups, snapshot=row.snapshot)


def line_of(stored: InvoiceLineOut) -> Line:
    """Return a stored line as rating made it."""
    return Line(
        code=stored.component,
        point=stored.point,
        period=DateRange(*stored.period) if stored.period else None,
        quantity=stored.quantity,
        unit=stored.unit,
        unit_price=stored.unit_price,
        price_base_quantity=stored.price_base_quantity,
        net=stored.net,
        vat_category=stored.vat_category,
        vat_rate=stored.vat_rate,
        quality=Quality(stored.quality) if stored.quality else None,
        refers_to=stored.refers_to,
        trace=trace_from_json(stored.trace),
    )


def find_document(connection: Connection, number: str) -> IssuedDocument:
    """Return an issued document for its reader, addressed as the customer receives e-invoices now.

    Where an e-invoice goes is no part of what was issued: a corrected address takes effect at once.
    """
    document = document_of(find_invoice(connection, number))
    route = repository.einvoice_route(connection, number)
    given = {name: value for name, value in route._mapping.items() if value}
    return replace(document, buyer=replace(document.buyer, **given))


def invoice_out(row: AnyRow) -> InvoiceOut:
    """Return an issued document as it is listed."""
    return InvoiceOut.model_validate({**row._mapping, "period": _period(row)})


def _period(row: AnyRow) -> tuple[date, date] | None:
    return (row.period_start, row.period_end) if row.period_start else None
