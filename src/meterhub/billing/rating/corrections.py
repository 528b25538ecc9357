"""Credit of an issued document: its stored amounts mirrored, never computed again."""

from collections.abc import Sequence
from dataclasses import dataclass

from meterhub.billing.rating.documents import document
from meterhub.billing.rating.errors import RatingError, Reason
from meterhub.billing.rating.model import Document, Line, VatGroup
from meterhub.billing.rating.quoting import mirrored


@dataclass(frozen=True, slots=True)
class Original:
    """An issued document as stored."""

    number: str
    payer: str
    lines: tuple[Line, ...]
    vat_groups: tuple[VatGroup, ...]


def credit(original: Original, positions: Sequence[int] | None = None) -> Document | None:
    """Return the credit of all lines (VAT groups as stored) or of some, counted from 1 (groups by R7).

    None when there is nothing to credit; raises bad_scenario for a position that is not there or repeated.
    """
    if positions is None:
        lines = original.lines
        groups = tuple(
            VatGroup(group.category, group.rate, -group.base, -group.vat) for group in original.vat_groups
        )
    else:
        lines = tuple(original.lines[position - 1] for position in _checked(original, positions))
        groups = None
    if not lines:
        return None
    returned = [mirrored(line, original.number) for line in lines]
    return document(original.payer, returned, original.number, groups)


def _checked(original: Original, positions: Sequence[int]) -> Sequence[int]:
    for position in positions:
        if not 1 <= position <= len(original.lines):
            raise RatingError(
                Reason.BAD_SCENARIO,
                f"lines: {original.number!r} has no line {position}, only {len(original.lines)}",
            )
    if len(set(positions)) != len(positions):
        raise RatingError(Reason.BAD_SCENARIO, f"lines: a position is repeated in {list(positions)}")
    return positions
