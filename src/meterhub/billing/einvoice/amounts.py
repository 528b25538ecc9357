"""Whether the amounts of a document agree to the cent, which no official rule asks (they tolerate more)."""

from collections.abc import Iterator
from decimal import Decimal

from meterhub.billing.documents.model import IssuedDocument
from meterhub.kit.money import ZERO, share


def disagreements(document: IssuedDocument) -> Iterator[str]:
    """Yield each sum that is not what its parts come to.

    VAT of a group is round2(base · rate/100), but for a credit note that mirrors the VAT of its invoice.
    """
    bases: dict[tuple[str, Decimal], Decimal] = {}
    for line in document.lines:
        key = (line.vat_category, line.vat_rate)
        bases[key] = bases.get(key, ZERO) + line.net
    stored = {(group.category, group.rate): group for group in document.vat_groups}
    if len(stored) != len(document.vat_groups) or stored.keys() != bases.keys():
        yield "the VAT groups are not those of the lines"
        return
    for key, group in stored.items():
        if group.base != bases[key]:
            yield f"VAT {key[0]} {key[1]} %: the lines come to {bases[key]}, the group has {group.base}"
        if not document.credits and group.vat != share(group.base, group.rate):
            yield f"VAT {key[0]} {key[1]} %: {group.vat} is not the VAT of {group.base}"
    if document.net != sum(bases.values(), ZERO):
        yield f"net {document.net} is not the sum of the lines"
    if document.vat != sum((group.vat for group in document.vat_groups), ZERO):
        yield f"VAT {document.vat} is not the sum of the groups"
    if document.gross != document.net + document.vat:
        yield f"gross {document.gross} is not net and VAT"
