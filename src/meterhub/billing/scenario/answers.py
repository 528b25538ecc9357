"""One scenario in, one answer out: JSON at the edge of the pure core, with stable error codes."""

from collections.abc import Callable
from typing import Any

from meterhub.billing.rating import corrections, quoting
from meterhub.billing.rating.errors import RatingError, Reason
from meterhub.billing.rating.model import Document, VatGroup
from meterhub.billing.rating.serialise import document_as_json, plain
from meterhub.billing.rating.strict_json import Fields, bad, parse
from meterhub.billing.scenario.money import answer_allocation, answer_interest
from meterhub.billing.scenario.numbers import answer_due_dates, answer_references
from meterhub.billing.scenario.quotes import line_from, quote_from
from meterhub.kit.money import ZERO

Answer = dict[str, Any]


def answer_text(text: str | bytes) -> Answer:
    """Answer one line of JSON; an error is an answer too."""
    try:
        return answer(parse(text))
    except RatingError as error:
        return error_answer(error)


def answer(scenario: object) -> Answer:
    """Answer a scenario; raises RatingError."""
    fields = Fields(scenario, "")
    kind = fields.text("kind")
    answer_kind = KINDS.get(kind)
    if answer_kind is None:
        raise bad(Reason.BAD_SCENARIO, "kind", kind, f"is none of {', '.join(KINDS)}")
    try:
        return answer_kind(fields)
    except OverflowError as error:
        raise RatingError(Reason.BAD_SCENARIO, f"a date is out of range: {error}") from error


def error_answer(error: RatingError) -> Answer:
    """Return an error as published."""
    return {"error": {"code": error.reason.value, "message": error.detail}}


def _quote(fields: Fields) -> Answer:
    return {"documents": _documents(quoting.quote(quote_from(fields)).documents)}


def _correction(fields: Fields) -> Answer:
    original = _original(fields.nested("original"))
    positions = _positions(fields) if fields.has("lines") else None
    replacement = fields.optional_nested("replacement")
    fields.done()
    credit = corrections.credit(original, positions)
    made = [credit] if credit else []
    if replacement is not None:
        kind = replacement.text("kind")
        if kind != "quote":
            raise bad(Reason.BAD_SCENARIO, replacement.at("kind"), kind, "is not quote")
        made += quoting.quote(quote_from(replacement)).documents
    net_effect = sum((document.gross for document in made), ZERO)
    return {"documents": _documents(made), "net_effect": plain(net_effect)}


def _original(fields: Fields) -> corrections.Original:
    lines = []
    for one in fields.objects("lines"):
        lines.append(line_from(one, with_refers_to=True))
        one.done()
    groups = []
    for one in fields.objects("vat_groups"):
        groups.append(
            VatGroup(
                one.text("category"),
                one.decimal("rate"),
                one.decimal("base", decimals=2),
                one.decimal("vat", decimals=2),
            )
        )
        one.done()
    original = corrections.Original(fields.text("number"), fields.text("payer"), tuple(lines), tuple(groups))
    fields.done()
    return original


def _positions(fields: Fields) -> list[int]:
    positions = fields.items("lines", default_empty=False)
    for position in positions:
        if not isinstance(position, int) or isinstance(position, bool):
            raise bad(Reason.BAD_SCENARIO, "lines", positions, "is not a list of positions")
    return [int(str(position)) for position in positions]


def _documents(documents: tuple[Document, ...] | list[Document]) -> list[Answer]:
    return [document_as_json(document) for document in documents]


KINDS: dict[str, Callable[[Fields], Answer]] = {
    "quote": _quote,
    "correction": _correction,
    "interest": answer_interest,
    "allocation": answer_allocation,
    "due_date": answer_due_dates,
    "reference": answer_references,
}
