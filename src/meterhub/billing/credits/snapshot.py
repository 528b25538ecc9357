"""The snapshot of a credit note: the stored amounts that it returns, and the way back to the document."""

from decimal import Decimal

from meterhub.billing.credits.mirror import Original, credit_of
from meterhub.billing.rating.model import Document, VatGroup
from meterhub.billing.rating.serialise import line_as_json, line_from_json, plain
from meterhub.kit.values import Json

SCHEMA = 1
# What a credit note shows of the document that it returns, or is addressed by.
KEPT = ("country", "currency", "zone", "period", "seller", "customer", "contract", "property", "point",
        "component_names")  # fmt: skip


def snapshot_of(original: Original, positions: list[int], snapshot: Json) -> Json:
    """Return everything that a credit note depends on; `snapshot` is the one of the document it returns."""
    return {
        "schema": SCHEMA,
        **{name: snapshot[name] for name in KEPT if name in snapshot},
        "credit": {
            "of": original.number,
            "positions": positions,
            "lines": [line_as_json(line, with_trace=False) for line in original.lines],
            "vat_groups": _groups(original.vat_groups),
            "credited": sorted(original.credited),
            "credited_vat": _groups(original.credited_vat),
        },
    }


def recompute(snapshot: Json) -> Document:
    """Return the credit note that a snapshot gives."""
    credit = snapshot["credit"]
    original = Original(
        number=credit["of"],
        lines=tuple(line_from_json(line) for line in credit["lines"]),
        vat_groups=_groups_from(credit["vat_groups"]),
        credited=frozenset(credit["credited"]),
        credited_vat=_groups_from(credit["credited_vat"]),
    )
    return credit_of(original, credit["positions"])


def _groups(groups: tuple[VatGroup, ...]) -> list[Json]:
    return [
        {"category": group.category, "rate": plain(group.rate), "base": plain(group.base), "vat": plain(group.vat)}
        for group in groups
    ]


def _groups_from(values: list[Json]) -> tuple[VatGroup, ...]:
    return tuple(
        VatGroup(one["category"], Decimal(one["rate"]), Decimal(one["base"]), Decimal(one["vat"]))
        for one in values
    )
