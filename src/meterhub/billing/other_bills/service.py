"""Drafts of other bills: written, looked at, issued once, or put away."""

from collections.abc import Sequence
from datetime import date

from sqlalchemy import Connection, text

from meterhub.access.audit import record
from meterhub.access.principal import Principal
from meterhub.billing import products
from meterhub.billing.delivery.service import enqueue
from meterhub.billing.issuing import Draft, Issued, Kind, issue
from meterhub.billing.other_bills.schemas import (
    IssueRequest,
    ItemIn,
    LineOut,
    OtherBillDetail,
    OtherBillIn,
    OtherBillOut,
    Priced,
    ProductOut,
)
from meterhub.billing.products import Ordered
from meterhub.billing.rating.model import Country, Document
from meterhub.billing.receivables.due_dates import bank_day_from, due_date
from meterhub.errors import BadInput, Conflict, NotFound
from meterhub.kit.db import AnyRow
from meterhub.kit.values import Json
from meterhub.settings import Settings

TERM_DAYS = 14


def list_products(connection: Connection, tariff: str, on: date) -> list[ProductOut]:
    """Return the products of a price list on a day."""
    found = products.products_on(connection, products.find_tariff(connection, tariff).id, on)
    return [
        ProductOut(
            component=one.code,
            names=dict(one.names),
            net_price=one.net_price,
            unit=one.unit,
            vat_code=one.vat_code,
            needs_permit=one.needs_permit,
        )
        for one in found.values()
    ]


def write(
    connection: Connection, settings: Settings, principal: Principal, bill: OtherBillIn, bill_id: int | None = None
) -> int:
    """Store a draft, or anew what stands in one; it must have prices. Raises NotFound, BadInput, Conflict."""
    values = _values(connection, bill) | {"by": principal.name}
    if bill_id is None:
        bill_id = int(connection.execute(_ADD, values).scalar_one())
    else:
        _draft(connection, bill_id)
        connection.execute(_CHANGE, values | {"id": bill_id})
        connection.execute(text("DELETE FROM other_bill_item WHERE bill_id = :id"), {"id": bill_id})
    rows = [
        {"bill": bill_id, "position": position, **item.model_dump()}
        for position, item in enumerate(bill.items, start=1)
    ]
    connection.execute(_ADD_ITEM, rows)
    snapshot = snapshot_of(connection, settings, bill_id)
    _refuse_without_permit(connection, bill, values["tariff"])
    products.document_of(snapshot)
    record(connection, principal, action="write-other-bill", purpose="billing", subject=f"other-bill:{bill_id}")
    return bill_id


def find(connection: Connection, settings: Settings, bill_id: int) -> OtherBillDetail:
    """Return a bill with what it comes to; raise NotFound."""
    row = _row(connection, bill_id)
    snapshot = snapshot_of(connection, settings, bill_id)
    document = products.document_of(snapshot)
    return OtherBillDetail(
        **bill_out(row).model_dump(),
        items=[ItemIn.model_validate(one, from_attributes=True) for one in _items(connection, bill_id)],
        priced=_priced(document, snapshot),
    )


def recent(connection: Connection, *, state: str | None, before_id: int | None, limit: int) -> Sequence[AnyRow]:
    """Return bills, newest first."""
    query = text(
        f"{_ALL} WHERE b.id < coalesce(:before, b.id + 1) AND b.state = coalesce(:state, b.state) "
        "ORDER BY b.id DESC LIMIT :limit"
    )
    return connection.execute(query, {"before": before_id, "state": state, "limit": limit}).all()


def bill_out(row: AnyRow) -> OtherBillOut:
    """Return a bill as it is listed."""
    return OtherBillOut.model_validate(row, from_attributes=True)


def issue_bill(
    connection: Connection, settings: Settings, principal: Principal, bill_id: int, request: IssueRequest
) -> Issued:
    """Make the invoice of a draft; Conflict if it was issued or put away already."""
    row = _draft(connection, bill_id)
    if request.issued_on < row.delivered_on:
        message = f"issued_on {request.issued_on} lies before the delivery on {row.delivered_on}"
        raise BadInput(message, fields={"issued_on": message})
    snapshot = snapshot_of(connection, settings, bill_id)
    due_on = due_day(snapshot, request)
    draft = Draft(
        kind=Kind.OTHER,
        customer_id=row.customer_id,
        document=products.document_of(snapshot),
        snapshot=snapshot,
        issued_on=request.issued_on,
        due_on=due_on,
        currency=snapshot["currency"],
        country=snapshot["country"],
    )
    (issued,) = issue(connection, [draft])
    enqueue(connection, [issued.invoice_id], principal.name)
    connection.execute(_ISSUED, {"id": bill_id, "invoice": issued.invoice_id, "by": principal.name})
    record(
        connection,
        principal,
        action="issue-other-bill",
        purpose="billing",
        subject=f"other-bill:{bill_id}",
        detail={"invoice": issued.number},
    )
    return issued


def due_day(snapshot: Json, request: IssueRequest) -> date:
    """Return the day to pay by: lawful for consumers, moved forward to a bank day."""
    country = Country(snapshot["country"])
    consumer = snapshot["customer"]["kind"] == "private"
    earliest = due_date(country, request.issued_on, TERM_DAYS, consumer=consumer).due
    if request.due_on is None:
        return earliest
    if consumer and request.due_on < earliest:
        message = f"due_on {request.due_on} is too early: consumers have until {earliest} at least"
        raise BadInput(message, fields={"due_on": message})
    return bank_day_from(country, request.due_on)


def discard(connection: Connection, principal: Principal, bill_id: int) -> None:
    """Put a draft away; it stays to be seen."""
    _draft(connection, bill_id)
    connection.execute(_DISCARDED, {"id": bill_id, "by": principal.name})
    record(connection, principal, action="discard-other-bill", purpose="billing", subject=f"other-bill:{bill_id}")


def snapshot_of(connection: Connection, settings: Settings, bill_id: int) -> Json:
    """Return the snapshot of a bill as it would be issued."""
    row = _row(connection, bill_id)
    order = {
        "order": {
            "bill_id": bill_id,
            "purpose": row.purpose,
            "permit_no": row.permit_no,
            "property_code": row.property_code,
            "note": row.note,
        }
    }
    ordered = [Ordered(one.component, one.quantity, one.note) for one in _items(connection, bill_id)]
    tariff = products.find_tariff(connection, row.tariff)
    return products.snapshot_of(connection, settings, row.customer_id, tariff, row.delivered_on, ordered, order)


def _refuse_without_permit(connection: Connection, bill: OtherBillIn, tariff_id: int) -> None:
    if bill.permit_no is not None:
        return
    known = products.products_on(connection, tariff_id, bill.delivered_on)
    needy = sorted({item.component for item in bill.items if known[item.component].needs_permit})
    if needy:
        message = f"{', '.join(needy)} is billed on a permit or order: give permit_no"
        raise BadInput(message, fields={"permit_no": message})


def _values(connection: Connection, bill: OtherBillIn) -> Json:
    customer = connection.execute(
        text("SELECT id FROM customer WHERE customer_no = :no"), {"no": bill.customer_no}
    ).scalar_one_or_none()
    if customer is None:
        raise NotFound(f"there is no customer {bill.customer_no!r}")
    property_id = None
    if bill.property_code is not None:
        query = text("SELECT id FROM property WHERE property_code = :code")
        property_id = connection.execute(query, {"code": bill.property_code}).scalar_one_or_none()
        if property_id is None:
            raise NotFound(f"there is no property {bill.property_code!r}")
    for position, item in enumerate(bill.items):
        if not item.quantity:
            raise BadInput("a quantity is zero", fields={f"items[{position}].quantity": "zero"})
    return {
        "purpose": bill.purpose.value,
        "customer": customer,
        "property": property_id,
        "tariff": products.find_tariff(connection, bill.tariff).id,
        "delivered": bill.delivered_on,
        "permit": bill.permit_no,
        "note": bill.note,
    }


def _priced(document: Document, snapshot: Json) -> Priced:
    names = snapshot["component_names"]
    return Priced(
        currency=snapshot["currency"],
        lines=[
            LineOut(
                component=line.code,
                name=names[line.code],
                quantity=line.quantity,
                unit=line.unit,
                unit_price=line.unit_price,
                net=line.net,
                vat_rate=line.vat_rate,
            )
            for line in document.lines
        ],
        net=document.net,
        vat=document.vat,
        gross=document.gross,
    )


def _draft(connection: Connection, bill_id: int) -> AnyRow:
    row = connection.execute(_LOCKED, {"id": bill_id}).one_or_none()
    if row is None:
        raise NotFound(f"there is no other bill {bill_id}")
    if row.state != "draft":
        raise Conflict(f"other bill {bill_id} is {row.state} already")
    return row


def _row(connection: Connection, bill_id: int) -> AnyRow:
    row = connection.execute(text(f"{_ALL} WHERE b.id = :id"), {"id": bill_id}).one_or_none()
    if row is None:
        raise NotFound(f"there is no other bill {bill_id}")
    return row


def _items(connection: Connection, bill_id: int) -> Sequence[AnyRow]:
    query = text("SELECT component, quantity, note FROM other_bill_item WHERE bill_id = :id ORDER BY position")
    return connection.execute(query, {"id": bill_id}).all()


_ALL = (
    "SELECT b.id, b.state, b.purpose, b.customer_id, u.customer_no, u.name AS customer_name, t.code AS tariff, "
    "b.delivered_on, p.property_code, b.permit_no, b.note, i.number AS invoice, b.created_at, b.created_by, "
    "b.settled_by FROM other_bill b JOIN customer u ON u.id = b.customer_id JOIN tariff t ON t.id = b.tariff_id "
    "LEFT JOIN property p ON p.id = b.property_id LEFT JOIN invoice i ON i.id = b.invoice_id"
)
_LOCKED = text("SELECT state, customer_id, delivered_on FROM other_bill WHERE id = :id FOR NO KEY UPDATE")
_ADD = text(
    "INSERT INTO other_bill "
    "(purpose, customer_id, property_id, tariff_id, delivered_on, permit_no, note, created_by) VALUES "
    "(:purpose, :customer, :property, :tariff, :delivered, :permit, :note, :by) RETURNING id"
)
_CHANGE = text(
    "UPDATE other_bill SET purpose = :purpose, customer_id = :customer, property_id = :property, "
    "tariff_id = :tariff, delivered_on = :delivered, permit_no = :permit, note = :note WHERE id = :id"
)
_ADD_ITEM = text(
    "INSERT INTO other_bill_item (bill_id, position, component, quantity, note) "
    "VALUES (:bill, :position, :component, :quantity, :note)"
)
_ISSUED = text(
    "UPDATE other_bill SET state = 'issued', invoice_id = :invoice, settled_at = now(), settled_by = :by "
    "WHERE id = :id"
)
_DISCARDED = text("UPDATE other_bill SET state = 'discarded', settled_at = now(), settled_by = :by WHERE id = :id")
