"""Contradictions inside a quote, found before anything is computed."""

from meterhub.billing.rating.errors import RatingError, Reason
from meterhub.billing.rating.model import Country, Point, Quote, Role

_CURRENCY = {Country.FI: "EUR", Country.NO: "NOK"}


def check_quote(quote: Quote) -> None:
    """Raise bad_scenario, bad_period or bad_weights when parts of a quote do not fit together."""
    check_currency(quote.country, quote.currency)
    if quote.period.end <= quote.period.start:
        raise RatingError(Reason.BAD_PERIOD, f"period: {quote.period.end} is not after {quote.period.start}")
    _refuse_repeated("points", [point.id for point in quote.points])
    _refuse_repeated("payers", [payer.id for payer in quote.payers])
    if not quote.payers:
        raise RatingError(Reason.BAD_WEIGHTS, "payers: nobody pays")
    for payer in quote.payers:
        if payer.weight <= 0:
            raise RatingError(Reason.BAD_WEIGHTS, f"payers: weight {payer.weight} of {payer.id!r} is not above 0")
    _check_move(quote)
    known = payer_ids(quote)
    several = quote.move is None and len(quote.payers) > 1
    for point in quote.points:
        _check_point(point, known, several=several)
    for item in quote.items:
        if item.payer is not None and item.payer not in known:
            raise _contradiction(f"items: payer {item.payer!r} of {item.code!r} is not a payer")
    _check_leak_credit(quote)


def check_currency(country: Country, currency: str) -> None:
    """Raise bad_scenario for a currency that is not the country's."""
    if _CURRENCY[country] != currency:
        raise _contradiction(f"currency: {currency!r} is not that of {country}")


def payer_ids(quote: Quote) -> tuple[str, ...]:
    """Return who pays: both sides of a move, else the payers."""
    if quote.move:
        return (quote.move.outgoing, quote.move.incoming)
    return tuple(payer.id for payer in quote.payers)


def leak_point(quote: Quote) -> str | None:
    """Return the point that a leak credit is for, if there is one."""
    if quote.leak_credit is None:
        return None
    return quote.leak_credit.point or _only_billed_point(quote, "leak_credit.point")


def deduct_targets(quote: Quote) -> dict[str, list[str]]:
    """Return for each point the deduct points whose volume is taken off its wastewater."""
    targets: dict[str, list[str]] = {}
    for point in quote.points:
        if point.role is Role.DEDUCT:
            target = point.deducts_from or _only_billed_point(quote, f"point {point.id!r}: deducts_from")
            _require_billed_point(quote, target, f"point {point.id!r}: deducts_from")
            targets.setdefault(target, []).append(point.id)
    return targets


def _check_move(quote: Quote) -> None:
    move = quote.move
    if move is None:
        return
    if not quote.period.start < move.on < quote.period.end:
        raise RatingError(
            Reason.BAD_PERIOD,
            f"move.date: {move.on} is not inside {quote.period.start} to {quote.period.end}",
        )
    if move.outgoing == move.incoming:
        raise _contradiction(f"move: {move.outgoing!r} moves both out and in")


def _check_point(point: Point, known: tuple[str, ...], *, several: bool) -> None:
    if point.role is Role.MAIN:
        if point.payer is None and several:
            raise _contradiction(f"point {point.id!r}: payer is missing, there are {len(known)} payers")
    elif point.payer is not None:
        raise _contradiction(f"point {point.id!r}: a {point.role} point has no payer {point.payer!r}")
    if point.payer is not None and point.payer not in known:
        raise _contradiction(f"point {point.id!r}: payer {point.payer!r} is not a payer")
    if point.deducts_from is not None and point.role is not Role.DEDUCT:
        raise _contradiction(
            f"point {point.id!r}: deducts_from {point.deducts_from!r} needs the role deduct, not {point.role}"
        )


def _check_leak_credit(quote: Quote) -> None:
    leak = quote.leak_credit
    if leak is None:
        return
    component = quote.prices.component(leak.component)
    if component is None or component.kind != "volumetric":
        raise _contradiction(f"leak_credit.component: {leak.component!r} is not a volumetric component")
    point = leak_point(quote)
    assert point is not None
    _require_billed_point(quote, point, "leak_credit.point")


def _only_billed_point(quote: Quote, what: str) -> str:
    billed = [point.id for point in quote.points if point.role is not Role.DEDUCT]
    if len(billed) != 1:
        raise _contradiction(f"{what}: is missing, there are {len(billed)} main or shared points")
    return billed[0]


def _require_billed_point(quote: Quote, point_id: str, what: str) -> None:
    if not any(point.id == point_id and point.role is not Role.DEDUCT for point in quote.points):
        raise _contradiction(f"{what}: {point_id!r} is not a main or shared point")


def _refuse_repeated(what: str, ids: list[str]) -> None:
    if len(set(ids)) != len(ids):
        raise _contradiction(f"{what}: an id is repeated in {ids}")


def _contradiction(detail: str) -> RatingError:
    return RatingError(Reason.BAD_SCENARIO, detail)
