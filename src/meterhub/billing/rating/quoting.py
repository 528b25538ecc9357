"""Rates one bill: from points, prices and payers to documents. Pure: no database, no clock."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal

from meterhub.billing.rating.checks import payer_ids
from meterhub.billing.rating.components import KINDS
from meterhub.billing.rating.context import Charge, RatingContext
from meterhub.billing.rating.documents import documents
from meterhub.billing.rating.model import Item, Line, Quote, QuoteResult
from meterhub.billing.rating.splitting import split_line
from meterhub.billing.rating.traces import ItemTrace, MirrorTrace
from meterhub.kit.money import line_net

_ONE = Decimal(1)


def quote(asked: Quote) -> QuoteResult:
    """Compute the whole bill, then give each payer their lines; raises RatingError."""
    context = RatingContext(asked)
    components = sorted(asked.prices.components, key=lambda component: KINDS[component.kind].stage)
    for component in components:
        context.charges += KINDS[component.kind].rate(context, component)
    context.charges += _item_charges(asked)
    context.charges += _returned_charges(asked)
    lines_by_payer: dict[str, list[Line]] = {payer: [] for payer in payer_ids(asked)}
    for payer, line in _assigned(asked, context.charges):
        lines_by_payer.setdefault(payer, []).append(line)
    return QuoteResult(tuple(documents(lines_by_payer)))


def mirrored(line: Line, document: str) -> Line:
    """Return a stored line with quantity and net negated, nothing computed again."""
    return replace(line, quantity=-line.quantity, net=-line.net, refers_to=document, trace=MirrorTrace(document))


def _item_charges(asked: Quote) -> Iterator[Charge]:
    for item in asked.items:
        on = item.on or asked.period.last_day
        yield Charge(_item_line(asked, item, on), item.payer, on)


def _item_line(asked: Quote, item: Item, on: date) -> Line:
    vat = asked.prices.vat_on(item.vat_code, on)
    return Line(
        code=item.code,
        point=None,
        period=None,
        quantity=item.quantity,
        unit=item.unit,
        unit_price=item.net_price,
        price_base_quantity=_ONE,
        net=line_net(item.quantity, item.net_price, _ONE),
        vat_category=vat.category,
        vat_rate=vat.rate,
        trace=ItemTrace(on, vat.ref),
    )


def _returned_charges(asked: Quote) -> Iterator[Charge]:
    """What earlier documents charged goes back to its payer; at a move to who moves out."""
    outgoing = asked.move.outgoing if asked.move else None
    for earlier in asked.earlier:
        line = mirrored(earlier.line, earlier.document)
        yield Charge(line, earlier.payer or outgoing, asked.period.start)


def _assigned(asked: Quote, charges: Iterable[Charge]) -> Iterator[tuple[str, Line]]:
    weights = [payer.weight for payer in asked.payers]
    for charge in charges:
        if charge.owner is not None:
            yield charge.owner, charge.line
        elif asked.move:
            yield (asked.move.outgoing if charge.on < asked.move.on else asked.move.incoming), charge.line
        else:
            parts = split_line(charge.line, weights)
            yield from zip((payer.id for payer in asked.payers), parts, strict=True)
