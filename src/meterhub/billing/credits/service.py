"""What clerks do with credits: look what one would come to, issue it, see those of a document."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sqlalchemy import Connection

from meterhub.access.audit import record
from meterhub.access.principal import Principal
from meterhub.billing import issuing
from meterhub.billing import repository as documents
from meterhub.billing.credits import repository
from meterhub.billing.credits.mirror import Original, credit_of
from meterhub.billing.credits.schemas import CreditLine, CreditOut, CreditPreview
from meterhub.billing.credits.snapshot import snapshot_of
from meterhub.billing.delivery import service as delivery
from meterhub.billing.issuing import Draft, Issued, Kind
from meterhub.billing.rating.model import Country, Document, DocumentType, Line, Quality, VatGroup
from meterhub.billing.receivables.due_dates import FI_CONSUMER_MIN_DAYS, due_date
from meterhub.billing.schemas import VatSum
from meterhub.errors import BadInput, Conflict, NotFound
from meterhub.kit.db import AnyRow
from meterhub.kit.periods import DateRange


@dataclass(frozen=True, slots=True)
class _Planned:
    """A credit worked out: the stored document, what it consists of, and what would be returned."""

    row: AnyRow
    original: Original
    positions: list[int]
    document: Document


def preview(connection: Connection, number: str, lines: Sequence[int] | None = None) -> CreditPreview:
    """Return what a credit would come to; raises as `credit` does."""
    planned = _plan(connection, number, lines, lock=False)
    document = planned.document
    return CreditPreview(
        number=number,
        whole=set(planned.positions) == set(planned.original.left()),
        lines=[
            CreditLine(
                position=position, component=line.code, quantity=line.quantity, unit=line.unit, net=line.net
            )
            for position, line in zip(planned.positions, document.lines, strict=True)
        ],
        vat_groups=[
            VatSum(category=group.category, rate=group.rate, base=group.base, vat=group.vat)
            for group in document.vat_groups
        ],
        net=document.net,
        vat=document.vat,
        gross=document.gross,
    )


def credit(
    connection: Connection,
    principal: Principal,
    number: str,
    reason: str,
    lines: Sequence[int] | None = None,
    *,
    issued_on: date,
) -> Issued:
    """Issue a credit note for all lines that are left, or for some; it is queued for sending.

    Raises NotFound, BadInput for a reason that says nothing or lines that are not there, Conflict for lines
    that were returned before and for a document that is a credit itself.
    """
    reason = reason.strip()
    if not reason:
        raise BadInput("a credit needs a reason", fields={"reason": "a credit needs a reason"})
    planned = _plan(connection, number, lines, lock=True)
    row = planned.row
    (issued,) = issuing.issue(
        connection,
        [
            Draft(
                kind=Kind(row.kind),
                customer_id=row.customer_id,
                document=planned.document,
                snapshot=snapshot_of(planned.original, planned.positions, row.snapshot),
                issued_on=issued_on,
                due_on=_due_on(planned.document, row.snapshot["country"], issued_on),
                currency=row.currency,
                country=row.snapshot["country"],
                contract_id=row.contract_id,
                period=DateRange(row.period_start, row.period_end) if row.period_start else None,
                credits_id=row.id,
            )
        ],
    )
    repository.add_credit(connection, issued.invoice_id, row.id, reason, planned.positions, principal.name)
    delivery.enqueue(connection, [issued.invoice_id])
    record(
        connection,
        principal,
        action="credit-invoice",
        purpose="billing",
        subject=f"invoice:{number}",
        detail={"credit_note": issued.number, "lines": len(planned.positions)},
    )
    return issued


def credits_of(connection: Connection, number: str) -> list[CreditOut]:
    """Return the credits of a document, oldest first; raise NotFound."""
    if documents.invoice_by_number(connection, number) is None:
        raise _not_found(number)
    return [CreditOut.model_validate(row._mapping) for row in repository.credits_of(connection, number)]


def _plan(connection: Connection, number: str, lines: Sequence[int] | None, *, lock: bool) -> _Planned:
    if lock:
        repository.lock_invoice(connection, number)
    row = documents.invoice_by_number(connection, number)
    if row is None:
        raise _not_found(number)
    trued_up = repository.trued_up_positions(connection, row.id)
    if row.credits_id is not None:
        raise Conflict(f"{number} is a credit itself; issue a new invoice instead of returning it")
    original = Original(
        number=number,
        lines=tuple(_line(line) for line in documents.invoice_lines(connection, row.id)),
        vat_groups=tuple(_group(group) for group in documents.invoice_vat_groups(connection, row.id)),
        credited=repository.credited_positions(connection, row.id),
        credited_vat=tuple(_group(group) for group in repository.credited_vat(connection, row.id)),
        trued_up=frozenset(trued_up),
    )
    positions = _positions(original, lines, trued_up)
    return _Planned(row, original, positions, credit_of(original, positions))


def _positions(original: Original, lines: Sequence[int] | None, trued_up: Mapping[int, str]) -> list[int]:
    """Return which lines to return, in order."""
    if lines is None:
        left = original.left()
        if not left:
            by = f" or trued up by {', '.join(sorted(set(trued_up.values())))}" if trued_up else ""
            raise Conflict(f"all lines of {original.number} were credited before{by}")
        return left
    unknown = sorted(position for position in lines if not 1 <= position <= len(original.lines))
    if unknown:
        message = f"{original.number} has lines 1 to {len(original.lines)}, not {unknown[0]}"
        raise BadInput(message, fields={"lines": message})
    if not lines or len(set(lines)) != len(lines):
        message = "name each line once, and at least one"
        raise BadInput(message, fields={"lines": message})
    again = sorted(original.credited.intersection(lines))
    if again:
        raise Conflict(f"line {again[0]} of {original.number} was credited before")
    returned = sorted(set(trued_up).intersection(lines))
    if returned:
        raise Conflict(
            f"line {returned[0]} of {original.number} was returned by {trued_up[returned[0]]} already: "
            "credit that one first"
        )
    return sorted(lines)


def _due_on(document: Document, country: str, issued_on: date) -> date:
    """Return when it is due: a credit of a charge at once; one that returns a refund asks for money."""
    if document.type is DocumentType.CREDIT_NOTE:
        return issued_on
    return due_date(Country(country), issued_on, FI_CONSUMER_MIN_DAYS, consumer=True).due


def _line(row: AnyRow) -> Line:
    return Line(
        code=row.component,
        point=row.point,
        period=DateRange(row.period_start, row.period_end) if row.period_start else None,
        quantity=row.quantity,
        unit=row.unit,
        unit_price=row.unit_price,
        price_base_quantity=row.price_base_quantity,
        net=row.net,
        vat_category=row.vat_category,
        vat_rate=row.vat_rate,
        quality=Quality(row.quality) if row.quality else None,
        refers_to=row.refers_to,
    )


def _group(row: AnyRow) -> VatGroup:
    return VatGroup(row.category, Decimal(row.rate), row.base, row.vat)


def _not_found(number: str) -> NotFound:
    return NotFound(f"there is no invoice {number!r}")
