"""From an issued document through its lines to the evidence."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from decimal import Decimal

from sqlalchemy import Connection

from meterhub.billing.credits.snapshot import recompute
from meterhub.billing.documents import loading
from meterhub.billing.issuing import Kind
from meterhub.billing.rating.components import KINDS
from meterhub.billing.rating.errors import RatingError
from meterhub.billing.rating.explaining import explain
from meterhub.billing.rating.model import DocumentType, Line
from meterhub.billing.rating.price_checks import parameters_of
from meterhub.billing.rating.quoting import quote
from meterhub.billing.rating.traces import FixedTrace, MinimumTrace, SplitTrace, Trace, VolumeTrace
from meterhub.billing.rating.vat import vat_groups
from meterhub.billing.rating.verify import disagreements
from meterhub.billing.receivables.identifiers import is_kid_mod10, is_viite
from meterhub.billing.runs.snapshot import document_of, quote_of
from meterhub.billing.schemas import InvoiceDetail
from meterhub.explain import repository
from meterhub.explain.evidence import Evidence
from meterhub.explain.model import Explanation, Step, Verdict, checked, differences
from meterhub.kit.db import AnyRow
from meterhub.kit.money import ZERO
from meterhub.settings import Settings

# Compared as a whole, since a trace is too long to print.
_APART = ("trace",)


def invoice(connection: Connection, settings: Settings, number: str) -> Explanation:
    """Explain an issued document; raise NotFound."""
    issued = loading.find_invoice(connection, number)
    lines = [loading.line_of(line) for line in issued.lines]
    evidence = Evidence(connection, settings, issued.snapshot)
    tariff = issued.snapshot.get("tariff")
    prices = repository.prices(connection, tariff["id"]) if tariff else {}
    vat = repository.vat_rates(connection, issued.snapshot["country"])
    steps = [
        *(_line_step(position, line, evidence, (prices, vat)) for position, line in enumerate(lines, start=1)),
        *_computed_again(issued, lines),
        *_totals(issued, lines),
        _reference(issued),
    ]
    return Explanation(number, tuple(steps))


def _line_step(
    position: int, line: Line, evidence: Evidence, stored: tuple[Mapping[int, AnyRow], Mapping[int, AnyRow]]
) -> Step:
    days = f", {line.period.start} to {line.period.last_day}" if line.period else ""
    title = f"line {position}: {line.code}{days}: {line.net}"
    computed = checked(" → ".join(explain(line)), disagreements(line))
    return checked(title, [], (computed, *_reads(line, evidence), *_prices(line, *stored)))


def _reads(line: Line, evidence: Evidence) -> list[Step]:
    trace = _whole(line.trace)
    if not isinstance(trace, VolumeTrace):
        return []
    refs = {
        str(one.ref): None
        for volume in (*trace.meters, *trace.deducted)
        for value in (volume.opening, volume.closing)
        for one in value.evidence
    }
    return [evidence.step(ref) for ref in refs]


def _whole(trace: Trace | None) -> Trace | None:
    """Return how the whole of a line was computed that several payers share."""
    return trace.whole if isinstance(trace, SplitTrace) else trace


def _prices(line: Line, prices: Mapping[int, AnyRow], vat: Mapping[int, AnyRow]) -> list[Step]:
    """Compare price and VAT rate of a line with the versions that the price list holds."""
    trace = _whole(line.trace)
    if not isinstance(trace, VolumeTrace | FixedTrace | MinimumTrace):
        return []
    price = prices.get(trace.tariff_ref) if isinstance(trace.tariff_ref, int) else None
    rate = vat.get(trace.vat_ref) if isinstance(trace.vat_ref, int) else None
    charged = trace.net_price if isinstance(trace, MinimumTrace) else line.unit_price
    # a kind with a table of prices has none of its own: rating the stored inputs again covers it
    own = price is not None and KINDS[price.kind].priced(parameters_of(price.kind, price.per, price.parameters))
    return [
        checked(
            f"price {charged}, version {trace.tariff_ref} of the price list",
            ["the price list has no such version"]
            if price is None
            else differences(
                {"component": line.code, "price": charged},
                {"component": price.component, "price": price.net_price if own else charged},
            ),
        ),
        checked(
            f"VAT {line.vat_category} {line.vat_rate} %, rate {trace.vat_ref}",
            ["there is no such VAT rate"]
            if rate is None
            else differences(
                {"category": line.vat_category, "rate": line.vat_rate},
                {"category": rate.category, "rate": rate.rate},
            ),
        ),
    ]


def _computed_again(issued: InvoiceDetail, lines: list[Line]) -> list[Step]:
    """Compute the document again from its snapshot, by what it is, and compare every field of every line."""
    if "credit" in issued.snapshot:
        title = f"the stored lines of {issued.snapshot['credit']['of']}, returned again, are the same lines"
        return [_same_lines(title, lines, recompute(issued.snapshot).lines)]
    if issued.kind != Kind.CONSUMPTION:
        return []
    title = "the stored inputs, rated again, give the same lines"
    try:
        document = document_of(quote(quote_of(issued.snapshot)), issued.snapshot)
    except RatingError as error:
        return [Step(title, Verdict.DIFFERS, str(error))]
    return [_same_lines(title, lines, document.lines if document else ())]


def _same_lines(title: str, lines: list[Line], again: Sequence[Line]) -> Step:
    if len(again) != len(lines):
        return Step(title, Verdict.DIFFERS, f"{len(lines)} lines are stored, {len(again)} computed")
    found = [
        f"line {position} {difference}"
        for position, (line, other) in enumerate(zip(lines, again, strict=True), start=1)
        for difference in differences(_values(line), _values(other))
    ]
    found += [
        f"line {position}: its trace is another one"
        for position, (line, other) in enumerate(zip(lines, again, strict=True), start=1)
        if line.trace != other.trace
    ]
    return checked(title, found)


def _values(line: Line) -> dict[str, object]:
    return {field.name: getattr(line, field.name) for field in fields(line) if field.name not in _APART}


def _totals(issued: InvoiceDetail, lines: list[Line]) -> list[Step]:
    # A credit returns VAT as it was charged, which is not always that of its own lines.
    credit = "credit" in issued.snapshot
    groups = recompute(issued.snapshot).vat_groups if credit else vat_groups(lines)
    stored = {f"{one.category} {one.rate} %": (one.base, one.vat) for one in issued.vat_groups}
    computed = {f"{one.category} {one.rate} %": (one.base, one.vat) for one in groups}
    group_steps = [
        checked(
            f"VAT {name}: base, VAT {' '.join(map(str, stored.get(name, ('none stored',))))}",
            differences({"base, VAT": stored.get(name)}, {"base, VAT": computed.get(name)}),
        )
        for name in {**stored, **computed}
    ]
    net: Decimal = sum((line.net for line in lines), ZERO)
    vat: Decimal = sum((group.vat for group in groups), ZERO)
    kind = DocumentType.CREDIT_NOTE if net + vat < 0 else DocumentType.INVOICE
    total = checked(
        f"net {issued.net} + VAT {issued.vat} = {issued.gross} {issued.currency}",
        differences(
            {"net": issued.net, "VAT": issued.vat, "gross": issued.gross, "type": issued.type},
            {"net": net, "VAT": vat, "gross": net + vat, "type": kind.value},
        ),
    )
    return [*group_steps, total]


def _reference(issued: InvoiceDetail) -> Step:
    right = (is_viite if issued.snapshot["country"] == "FI" else is_kid_mod10)(issued.reference)
    return checked(f"reference {issued.reference}: check digit", [] if right else ["the check digit does not fit"])
