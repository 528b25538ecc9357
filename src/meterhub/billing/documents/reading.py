"""From an issued document as stored to the document as its readers see it."""

from datetime import date
from decimal import Decimal

from meterhub.billing.documents.language import Language
from meterhub.billing.documents.model import InterestStep, IssuedDocument, IssuedLine, IssuedVat, MeterDates
from meterhub.billing.documents.parties import buyer_of, seller_of
from meterhub.billing.documents.words import LANGUAGES
from meterhub.billing.rating.model import Quality
from meterhub.billing.schemas import InvoiceDetail, InvoiceLineOut
from meterhub.kit.periods import DateRange
from meterhub.kit.values import Json


def document_of(invoice: InvoiceDetail) -> IssuedDocument:
    """Return an issued document for paper and e-invoices."""
    snapshot = invoice.snapshot
    country = snapshot["country"]
    language = LANGUAGES[snapshot["customer"]["language"]]
    return IssuedDocument(
        number=invoice.number,
        type=invoice.type,
        kind=invoice.kind,
        issued_on=invoice.issued_on,
        due_on=invoice.due_on,
        reference=invoice.reference,
        currency=invoice.currency,
        country=country,
        language=language,
        seller=seller_of(snapshot["seller"], country),
        buyer=buyer_of(snapshot["customer"], country),
        contract_no=invoice.contract_no or "",
        period=DateRange(*invoice.period) if invoice.period else None,
        credits=invoice.credits or "",
        lines=tuple(_line(line, language, snapshot) for line in invoice.lines),
        vat_groups=tuple(
            IssuedVat(group.category, group.rate, group.base, group.vat) for group in invoice.vat_groups
        ),
        net=invoice.net,
        vat=invoice.vat,
        gross=invoice.gross,
        snapshot=snapshot,
    )


def component_name(component: str, language: Language, names: Json | None = None) -> str:
    """Return what a component is called: by the document's own names, by common words, else by its code."""
    given = (names or {}).get(component)
    return given or language.words.get(component) or component.replace("_", " ").capitalize()


def _line(line: InvoiceLineOut, language: Language, snapshot: Json) -> IssuedLine:
    return IssuedLine(
        position=line.position,
        component=line.component,
        name=component_name(line.component, language, snapshot.get("component_names")),
        period=DateRange(*line.period) if line.period else None,
        quantity=line.quantity,
        unit=line.unit,
        unit_price=line.unit_price,
        price_base_quantity=line.price_base_quantity,
        net=line.net,
        vat_category=line.vat_category,
        vat_rate=line.vat_rate,
        estimated=line.quality == Quality.ESTIMATED,
        refers_to=line.refers_to,
        point=line.point,
        meter=_meter_dates(line.trace),
        interest=_interest(line.trace),
    )


def _meter_dates(trace: Json) -> MeterDates | None:
    """Return the first and the last day on which the meters of a volume were read, from the line's trace."""
    whole = trace.get("whole") or trace
    days = [
        date.fromisoformat(evidence["on"])
        for volume in whole.get("meters") or ()
        for end in ("opening", "closing")
        for evidence in volume[end]["evidence"]
    ]
    return MeterDates(min(days), max(days)) if days else None


def _interest(trace: Json) -> tuple[InterestStep, ...]:
    if trace.get("rule") != "interest":
        return ()
    return tuple(
        InterestStep(half_year, days, Decimal(rate), Decimal(balance))
        for half_year, days, rate, balance in trace["rows"]
    )
