"""Invoices: the list, one invoice with how it was computed, its PDF."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import Query, Request, Response
from sqlalchemy import Connection, Engine

from meterhub.access import audit
from meterhub.access.dependencies import EngineDep, SettingsDep
from meterhub.access.policy import Permission
from meterhub.access.principal import Principal
from meterhub.billing import repository
from meterhub.billing.credits import service as credit_notes
from meterhub.billing.delivery import repository as outbox
from meterhub.billing.documents import loading
from meterhub.billing.documents.model import IssuedDocument
from meterhub.billing.documents.reading import document_of
from meterhub.billing.einvoice.making import make_finvoice, make_ubl
from meterhub.billing.paper.render import invoice_pdf
from meterhub.explain import chain
from meterhub.kit.db import AnyRow
from meterhub.kit.paging import page_of
from meterhub.web.page_route import page_router
from meterhub.web.render import render
from meterhub.web.security import page

router = page_router()

ROWS = 50


@router.get("/invoices")
def show_list(
    request: Request,
    engine: EngineDep,
    principal: Annotated[Principal, page(Permission.READ_INVOICES)],
    q: Annotated[str, Query(max_length=100)] = "",
    after: Annotated[int | None, Query(ge=0)] = None,
) -> Response:
    """List issued documents, newest first; the search takes a number, of an invoice, customer or contract."""
    search = q.strip()
    with engine.begin() as connection:
        rows: Sequence[AnyRow] = _found(connection, search, after)
        audit.record(connection, principal, action="list-invoices", purpose="billing")
    shown, cursor = page_of(rows, ROWS, lambda row: row.id)
    values = {"invoices": shown, "search": search, "cursor": cursor, "after": after}
    return render(request, "invoices.html", values, principal=principal)


@router.get("/invoices/{number}")
def show(
    request: Request,
    number: str,
    engine: EngineDep,
    settings: SettingsDep,
    principal: Annotated[Principal, page(Permission.READ_INVOICES)],
) -> Response:
    """Show an issued document and compute it again down to the reads; each look is logged."""
    with engine.begin() as connection:
        invoice = loading.find_invoice(connection, number)
        explanation = chain.invoice(connection, settings, number)
        returned = credit_notes.credits_of(connection, number)
        deliveries = outbox.listed(connection, before_id=None, limit=ROWS, number=number)
        audit.record(connection, principal, action="read-invoice", purpose="billing", subject=f"invoice:{number}")
    values = {
        "invoice": invoice,
        "explanation": explanation,
        "credits": returned,
        "deliveries": deliveries,
    }
    return render(request, "invoice.html", values, principal=principal)


@router.get("/invoices/{number}/pdf")
def show_pdf(
    number: str, engine: EngineDep, principal: Annotated[Principal, page(Permission.READ_INVOICES)]
) -> Response:
    """Give an issued document as printed."""
    with engine.begin() as connection:
        invoice = loading.find_invoice(connection, number)
        audit.record(
            connection, principal, action="read-invoice-pdf", purpose="billing", subject=f"invoice:{number}"
        )
    return _file(invoice_pdf(document_of(invoice)), "application/pdf", f"{invoice.number}.pdf")


@router.get("/invoices/{number}/finvoice")
def show_finvoice(
    number: str, engine: EngineDep, principal: Annotated[Principal, page(Permission.READ_INVOICES)]
) -> Response:
    """Give an issued document as Finvoice."""
    document = _addressed(engine, principal, number)
    return _file(make_finvoice(document), "application/xml", f"{document.number}-finvoice.xml")


@router.get("/invoices/{number}/ubl")
def show_ubl(
    number: str, engine: EngineDep, principal: Annotated[Principal, page(Permission.READ_INVOICES)]
) -> Response:
    """Give an issued document as Peppol BIS Billing."""
    document = _addressed(engine, principal, number)
    return _file(make_ubl(document), "application/xml", f"{document.number}-ubl.xml")


def _addressed(engine: Engine, principal: Principal, number: str) -> IssuedDocument:
    with engine.begin() as connection:
        document = loading.find_document(connection, number)
        audit.record(
            connection, principal, action="read-invoice-xml", purpose="billing", subject=f"invoice:{number}"
        )
    return document


def _file(content: bytes, media_type: str, name: str) -> Response:
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(content, media_type=media_type, headers=headers)


def _found(connection: Connection, search: str, after: int | None) -> Sequence[AnyRow]:
    if not search:
        return repository.list_invoices(connection, after_id=after, limit=ROWS + 1)
    exact = repository.invoice_by_number(connection, search)
    if exact is not None:
        return [exact]
    by_customer = repository.list_invoices(connection, after_id=after, limit=ROWS + 1, customer_no=search)
    return by_customer or repository.list_invoices(connection, after_id=after, limit=ROWS + 1, contract_no=search)
