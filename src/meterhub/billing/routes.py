"""REST for price lists and issued documents; runs and other parts bring their own."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from meterhub.access.audit import record
from meterhub.access.dependencies import ClockDep, EngineDep, SettingsDep, require
from meterhub.access.policy import Permission
from meterhub.access.principal import Principal
from meterhub.billing import prices, repository
from meterhub.billing.credits import routes as credit_notes
from meterhub.billing.delivery import routes as deliveries
from meterhub.billing.documents import loading
from meterhub.billing.documents.reading import document_of
from meterhub.billing.dunning import routes as dunning
from meterhub.billing.einvoice.making import make_finvoice, make_ubl
from meterhub.billing.other_bills import routes as other_bills
from meterhub.billing.paper.render import invoice_pdf
from meterhub.billing.payments import routes as payments
from meterhub.billing.runs import routes as runs
from meterhub.billing.schemas import (
    InvoiceDetail,
    InvoiceOut,
    TariffDocument,
    TariffImport,
    TariffOut,
)
from meterhub.billing.self_reading import routes as self_readings
from meterhub.billing.whatif import routes as what_ifs
from meterhub.kit.paging import IdPage, Page, page_of

router = APIRouter(prefix="/api/v1", tags=["billing"])
router.include_router(runs.router)
router.include_router(what_ifs.router)
router.include_router(payments.router)
router.include_router(credit_notes.router)
router.include_router(deliveries.router)
router.include_router(other_bills.router)
router.include_router(dunning.router)
router.include_router(self_readings.router)


@router.post("/tariffs", status_code=201)
def import_tariff(
    body: TariffDocument,
    engine: EngineDep,
    settings: SettingsDep,
    clock: ClockDep,
    principal: Annotated[Principal, require(Permission.WRITE_TARIFFS)],
) -> TariffImport:
    """Add a price list, or versions to one; 409 where it overlaps what is stored, 422 with all faults."""
    today = clock().astimezone(settings.tz).date()
    with engine.begin() as connection:
        result = prices.import_tariff(connection, body, principal.name, today=today)
        record(connection, principal, action="import-tariff", purpose="billing", subject=f"tariff:{body.code}")
    return result


@router.post("/tariffs/check")
def check_tariff(
    body: TariffDocument,
    engine: EngineDep,
    settings: SettingsDep,
    clock: ClockDep,
    principal: Annotated[Principal, require(Permission.WRITE_TARIFFS)],
) -> TariffImport:
    """Tell what an import would add, or all its faults with code and place; nothing of it is kept."""
    with engine.connect() as connection:
        result = prices.check_tariff(connection, body, clock().astimezone(settings.tz).date())
        connection.rollback()
    return result


@router.get("/tariffs")
def list_tariffs(
    engine: EngineDep, principal: Annotated[Principal, require(Permission.READ_TARIFFS)]
) -> list[TariffOut]:
    """List all price lists with all their versions."""
    with engine.connect() as connection:
        return prices.list_tariffs(connection)


@router.get("/invoices")
def list_invoices(
    engine: EngineDep,
    page: Annotated[IdPage, Query()],
    principal: Annotated[Principal, require(Permission.READ_INVOICES)],
    run: int | None = None,
    customer: str | None = None,
    contract: str | None = None,
) -> Page[InvoiceOut]:
    """List issued documents, newest first: of a run, a customer (number) or a contract (number)."""
    with engine.begin() as connection:
        rows = repository.list_invoices(
            connection,
            after_id=page.after,
            limit=page.limit + 1,
            run_id=run,
            customer_no=customer,
            contract_no=contract,
        )
        subject = f"customer:{customer}" if customer else f"contract:{contract}" if contract else ""
        record(connection, principal, action="list-invoices", purpose="billing", subject=subject)
    shown, cursor = page_of(rows, page.limit, lambda row: row.id)
    return Page(items=[loading.invoice_out(row) for row in shown], next_cursor=cursor)


@router.get("/invoices/{number}")
def read_invoice(
    number: str, engine: EngineDep, principal: Annotated[Principal, require(Permission.READ_INVOICES)]
) -> InvoiceDetail:
    """Return an issued document: lines with their traces, VAT groups, and the inputs it was computed from."""
    with engine.begin() as connection:
        invoice = loading.find_invoice(connection, number)
        record(connection, principal, action="read-invoice", purpose="billing", subject=f"invoice:{number}")
    return invoice


@router.get(
    "/invoices/{number}/pdf",
    response_class=Response,
    responses={200: {"content": {"application/pdf": {}}, "description": "The document as printed."}},
)
def read_invoice_pdf(
    number: str, engine: EngineDep, principal: Annotated[Principal, require(Permission.READ_INVOICES)]
) -> Response:
    """Return an issued document as PDF; the same bytes each time."""
    with engine.begin() as connection:
        invoice = loading.find_invoice(connection, number)
        record(connection, principal, action="read-invoice-pdf", purpose="billing", subject=f"invoice:{number}")
    return Response(
        invoice_pdf(document_of(invoice)),
        media_type="application/pdf",
        headers={"Content-Disposition": f'inline; filename="{invoice.number}.pdf"'},
    )


_XML: dict[int | str, dict[str, Any]] = {  # Any: as OpenAPI takes it
    200: {"content": {"application/xml": {}}, "description": "The document as it is sent."}
}


@router.get("/invoices/{number}/finvoice", response_class=Response, responses=_XML)
def read_invoice_finvoice(
    number: str, engine: EngineDep, principal: Annotated[Principal, require(Permission.READ_INVOICES)]
) -> Response:
    """Return an issued document as Finvoice 3.0; 422 names what the customer or the utility lacks."""
    with engine.begin() as connection:
        document = loading.find_document(connection, number)
        record(connection, principal, action="read-invoice-xml", purpose="billing", subject=f"invoice:{number}")
    return _xml(make_finvoice(document), f"{document.number}-finvoice.xml")


@router.get("/invoices/{number}/ubl", response_class=Response, responses=_XML)
def read_invoice_ubl(
    number: str, engine: EngineDep, principal: Annotated[Principal, require(Permission.READ_INVOICES)]
) -> Response:
    """Return an issued document as Peppol BIS Billing 3.0 (EHF); 422 names what parties lack."""
    with engine.begin() as connection:
        document = loading.find_document(connection, number)
        record(connection, principal, action="read-invoice-xml", purpose="billing", subject=f"invoice:{number}")
    return _xml(make_ubl(document), f"{document.number}-ubl.xml")


def _xml(content: bytes, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "X-Content-Type-Options": "nosniff"}
    return Response(content, media_type="application/xml", headers=headers)
