"""The arithmetic of credits: a document and all its credits come to zero, in whatever parts it is returned."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from meterhub.billing.credits.mirror import Original, credit_of
from meterhub.billing.credits.snapshot import recompute, snapshot_of
from meterhub.billing.rating.model import DocumentType, Line
from meterhub.billing.rating.vat import vat_groups

ZERO = Decimal("0.00")
NETS = st.integers(-999_999, 999_999).map(lambda cents: Decimal(cents).scaleb(-2))
RATES = st.sampled_from([("S", Decimal("25.5")), ("S", Decimal(24)), ("S", Decimal(15)), ("E", Decimal(0))])


def line(net: Decimal, rate: tuple[str, Decimal]) -> Line:
    return Line(
        code="WATER", point="MP1", period=None, quantity=net, unit="C62", unit_price=Decimal(1),
        price_base_quantity=Decimal(1), net=net, vat_category=rate[0], vat_rate=rate[1],
    )  # fmt: skip


@st.composite
def cases(draw) -> tuple[Original, list[list[int]]]:
    """A document, and its lines dealt out to credits one after the other."""
    lines = tuple(line(draw(NETS), draw(RATES)) for _ in range(draw(st.integers(1, 8))))
    parts: list[list[int]] = [[] for _ in range(draw(st.integers(1, 4)))]
    for position in range(1, len(lines) + 1):
        draw(st.sampled_from(parts)).append(position)
    return Original("2025-000001", lines, vat_groups(lines)), [part for part in parts if part]


@given(cases())
def test_a_document_and_all_its_credits_come_to_zero_exactly(case):
    original, parts = case
    gross = sum((one.net for one in original.lines), ZERO) + sum((one.vat for one in original.vat_groups), ZERO)
    nets: dict[tuple[str, Decimal], list[Decimal]] = {
        (group.category, group.rate): [group.base, group.vat] for group in original.vat_groups
    }
    for part in parts:
        credit = credit_of(original, part)
        assert [one.net for one in credit.lines] == [
            -original.lines[position - 1].net for position in sorted(part)
        ]
        assert credit.gross == credit.net + sum((group.vat for group in credit.vat_groups), ZERO)
        gross += credit.gross
        for group in credit.vat_groups:
            nets[group.category, group.rate][0] += group.base
            nets[group.category, group.rate][1] += group.vat
        original = Original(
            original.number,
            original.lines,
            original.vat_groups,
            original.credited | set(part),
            (*original.credited_vat, *credit.vat_groups),
        )
    assert gross == 0
    assert all(base == vat == 0 for base, vat in nets.values())
    assert original.left() == []


@given(cases())
def test_a_credit_computes_to_itself_from_its_snapshot(case):
    original, parts = case
    snapshot = snapshot_of(original, parts[0], {"country": "FI", "chart": "not kept"})
    assert "chart" not in snapshot
    again = recompute(snapshot)
    first = credit_of(original, parts[0])
    assert (again.net, again.vat, again.gross, again.vat_groups) == (
        first.net,
        first.vat,
        first.gross,
        first.vat_groups,
    )
    assert [one.net for one in again.lines] == [one.net for one in first.lines]


def test_the_last_part_returns_the_cent_that_rounding_left():
    rate = ("S", Decimal("25.5"))
    lines = (line(Decimal("0.02"), rate), line(Decimal("0.02"), rate))
    original = Original("2025-000001", lines, vat_groups(lines))
    assert original.vat_groups[0].vat == Decimal("0.01")
    first = credit_of(original, [1])
    assert first.vat == Decimal("-0.01")
    last = credit_of(Original(original.number, lines, original.vat_groups, frozenset({1}), first.vat_groups), [2])
    assert last.vat == 0
    assert last.gross == Decimal("-0.02")


def test_returning_the_credits_of_a_true_up_asks_for_money():
    lines = (line(Decimal("-10.00"), ("S", Decimal("25.5"))),)
    credit = credit_of(Original("C2025-000001", lines, vat_groups(lines)), [1])
    assert credit.type is DocumentType.INVOICE
    assert credit.gross == Decimal("12.55")
