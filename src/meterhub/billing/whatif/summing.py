"""Sums of a what-if: by component, by group of customers, how the changes spread, and the largest; pure."""

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from heapq import heappush, heappushpop
from typing import Any

from meterhub.billing.whatif.pricing import Rated
from meterhub.kit.money import ZERO

TOP = 20
# Where the classes of change begin [% of today's gross].
EDGES = (-20, -10, -5, -2, 0, 2, 5, 10, 20)
_HUNDRED = Decimal(100)

Json = dict[str, Any]


@dataclass(slots=True)
class Pair:
    """An amount by the list of today and by the one tried."""

    before: Decimal = ZERO
    after: Decimal = ZERO

    def add(self, before: Decimal, after: Decimal) -> None:
        """Add both."""
        self.before += before
        self.after += after

    def as_json(self) -> Json:
        """Return both and the change, as decimal strings."""
        return {"before": str(self.before), "after": str(self.after), "change": str(self.after - self.before)}


@dataclass(slots=True)
class Group:
    """Accounts of one kind of customer."""

    net: Pair = field(default_factory=Pair)
    gross: Pair = field(default_factory=Pair)
    accounts: int = 0
    pay_more: int = 0
    pay_less: int = 0


@dataclass(slots=True)
class Summary:
    """What has been counted so far; its size does not grow with the accounts."""

    components: dict[str, Pair] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    spread: Counter[int] = field(default_factory=Counter)
    volume_ml: int = 0
    estimated: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    rises: list[tuple[Decimal, str, Decimal, Decimal]] = field(default_factory=list)
    falls: list[tuple[Decimal, str, Decimal, Decimal]] = field(default_factory=list)

    def count(self, contract_no: str, kind: str, volume_ml: int, before: Rated, after: Rated) -> None:
        """Count one account."""
        for code in before.components.keys() | after.components.keys():
            pair = self.components.setdefault(code, Pair())
            pair.add(before.components.get(code, ZERO), after.components.get(code, ZERO))
        group = self.groups.setdefault(kind, Group())
        group.accounts += 1
        group.net.add(before.net, after.net)
        group.gross.add(before.gross, after.gross)
        change = after.gross - before.gross
        group.pay_more += change > 0
        group.pay_less += change < 0
        self.volume_ml += volume_ml
        self.spread[spread_class(before.gross, change)] += 1
        _keep(self.rises, (change, contract_no, before.gross, after.gross), wanted=change > 0)
        _keep(self.falls, (-change, contract_no, before.gross, after.gross), wanted=change < 0)

    def leave_out(self, reason: str, example: str) -> None:
        """Count an account that cannot be rated, with the first example of each reason."""
        self.left_out[reason] += 1
        self.examples.setdefault(reason, example)

    def as_json(self) -> Json:
        """Return the sums, amounts as decimal strings."""
        groups = [
            {
                "kind": kind,
                "accounts": one.accounts,
                "pay_more": one.pay_more,
                "pay_less": one.pay_less,
                "net": one.net.as_json(),
                "gross": one.gross.as_json(),
            }
            for kind, one in sorted(self.groups.items())
        ]
        total = Pair()
        for one in self.groups.values():
            total.add(one.gross.before, one.gross.after)
        return {
            "accounts": sum(one.accounts for one in self.groups.values()),
            "volume_ml": self.volume_ml,
            "estimated": self.estimated,
            "gross": total.as_json(),
            "components": [
                {"component": code, "net": pair.as_json()} for code, pair in sorted(self.components.items())
            ],
            "groups": groups,
            "spread": [
                {
                    "from_percent": EDGES[number - 1] if number else None,
                    "to_percent": EDGES[number] if number < len(EDGES) else None,
                    "accounts": self.spread[number],
                }
                for number in range(len(EDGES) + 1)
            ],
            "rises": _sorted(self.rises),
            "falls": _sorted(self.falls),
            "left_out": [
                {"reason": reason, "accounts": number, "example": self.examples[reason]}
                for reason, number in sorted(self.left_out.items())
            ],
        }


def spread_class(before: Decimal, change: Decimal) -> int:
    """Return the number of the class of a change: the first whose upper edge lies above it."""
    if before <= 0:
        return 0 if change < 0 else len(EDGES) if change > 0 else EDGES.index(0) + 1
    percent = change * _HUNDRED / before
    return next((number for number, edge in enumerate(EDGES) if percent < edge), len(EDGES))


def _keep(
    heap: list[tuple[Decimal, str, Decimal, Decimal]], one: tuple[Decimal, str, Decimal, Decimal], *, wanted: bool
) -> None:
    if not wanted:
        return
    if len(heap) < TOP:
        heappush(heap, one)
    else:
        heappushpop(heap, one)


def _sorted(heap: list[tuple[Decimal, str, Decimal, Decimal]]) -> list[Json]:
    return [
        {"contract_no": contract_no, "before": str(before), "after": str(after), "change": str(after - before)}
        for _, contract_no, before, after in sorted(heap, key=lambda one: (-one[0], one[1]))
    ]
