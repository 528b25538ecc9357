"""The credit of lines of an issued document: stored amounts negated; pure.

VAT of a credit of some lines is computed by group as on any document (R7). The credit that returns the last
line of a VAT group returns what is left of the group's VAT, so that the document and all its credits come to
zero exactly, in whatever parts it is returned.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from meterhub.billing.rating.documents import document
from meterhub.billing.rating.model import Document, Line, VatGroup
from meterhub.billing.rating.quoting import mirrored
from meterhub.billing.rating.vat import vat_groups
from meterhub.kit.money import ZERO

PAYER = "customer"

Key = tuple[str, Decimal]


@dataclass(frozen=True, slots=True)
class Original:
    """An issued document as stored, and what earlier credits returned of it (VAT groups below zero)."""

    number: str
    lines: tuple[Line, ...]
    vat_groups: tuple[VatGroup, ...]
    credited: frozenset[int] = frozenset()
    credited_vat: tuple[VatGroup, ...] = ()
    trued_up: frozenset[int] = frozenset()

    def left(self) -> list[int]:
        """Return the positions of lines that no credit and no true-up has returned, counted from 1."""
        gone = self.credited | self.trued_up
        return [position for position in range(1, len(self.lines) + 1) if position not in gone]


def credit_of(original: Original, positions: Sequence[int]) -> Document:
    """Return the credit of lines, which must be there and not yet returned."""
    chosen = sorted(positions)
    lines = [mirrored(original.lines[position - 1], original.number) for position in chosen]
    after = original.credited | set(chosen)
    open_keys = {_key(line) for position, line in enumerate(original.lines, start=1) if position not in after}
    groups = tuple(
        group if (group.category, group.rate) in open_keys else _rest(original, group)
        for group in vat_groups(lines)
    )
    return document(PAYER, lines, original.number, groups)


def _rest(original: Original, group: VatGroup) -> VatGroup:
    """Return a group with what is left of the VAT that was charged."""
    key = (group.category, group.rate)
    charged = sum((one.vat for one in original.vat_groups if (one.category, one.rate) == key), ZERO)
    returned = sum((one.vat for one in original.credited_vat if (one.category, one.rate) == key), ZERO)
    return VatGroup(group.category, group.rate, group.base, -(charged + returned))


def _key(line: Line) -> Key:
    return line.vat_category, line.vat_rate
