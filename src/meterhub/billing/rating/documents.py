"""Lines to documents: one a payer, and another for what is outside the scope of VAT (EN 16931 BR-O-11)."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from meterhub.billing.rating.model import Document, DocumentType, Line, VatGroup
from meterhub.billing.rating.vat import OUTSIDE_SCOPE, vat_groups
from meterhub.kit.money import ZERO


def documents(lines_by_payer: Mapping[str, Sequence[Line]]) -> list[Document]:
    """Return each payer's documents, none without lines."""
    made = []
    for payer, lines in lines_by_payer.items():
        inside = [line for line in lines if line.vat_category != OUTSIDE_SCOPE]
        outside = [line for line in lines if line.vat_category == OUTSIDE_SCOPE]
        made += [document(payer, part) for part in (inside, outside) if part]
    return made


def document(
    payer: str,
    lines: Iterable[Line],
    refers_to: str | None = None,
    groups: tuple[VatGroup, ...] | None = None,
) -> Document:
    """Return a document with its totals; VAT groups are computed (R7) unless stored ones are given."""
    lines = tuple(lines)
    if groups is None:
        groups = vat_groups(lines)
    net: Decimal = sum((line.net for line in lines), ZERO)
    vat: Decimal = sum((group.vat for group in groups), ZERO)
    gross = net + vat
    kind = DocumentType.CREDIT_NOTE if gross < 0 else DocumentType.INVOICE
    return Document(kind, payer, refers_to, lines, groups, net, vat, gross)
