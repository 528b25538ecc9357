"""Opening balances from the system before: open items and credits by number and reference, imported once."""

import csv
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from io import StringIO

from sqlalchemy import Connection, text

from meterhub.access.audit import record
from meterhub.access.principal import Principal
from meterhub.billing.ledger import posting
from meterhub.billing.ledger.allocations import set_off
from meterhub.billing.ledger.posting import NewEntry
from meterhub.billing.receivables.identifiers import same_reference
from meterhub.errors import BadInput, Conflict
from meterhub.kit.money import CENT, ZERO
from meterhub.settings import Settings

COLUMNS = ("customer_no", "number", "amount", "due_on", "reference", "text")
MOST_FAULTS = 100
_LIMIT = Decimal(10) ** 9


@dataclass(frozen=True, slots=True)
class Item:
    """A line of the file; what the customer owes is positive."""

    line: int
    customer_no: str
    number: str
    amount: Decimal
    due_on: date
    reference: str
    text: str


@dataclass(frozen=True, slots=True)
class Opening:
    """What an import brought, or would bring."""

    items: int
    debts: Decimal
    credits: Decimal
    customers: int
    already: bool


def import_opening(
    connection: Connection, settings: Settings, principal: Principal, data: bytes, booked_on: date
) -> Opening:
    """Post opening items in the caller's transaction; the same file again changes nothing.

    Raises BadInput with every fault by line, Conflict where a number is there already.
    """
    sha256 = hashlib.sha256(data).hexdigest()
    connection.execute(text("LOCK TABLE opening_item IN SHARE ROW EXCLUSIVE MODE"))
    before = connection.execute(
        text("SELECT EXISTS (SELECT 1 FROM opening_item WHERE file_sha256 = :h)"), {"h": sha256}
    )
    items = parse(data)
    if before.scalar_one():
        return _summary(items, already=True)
    customers = _customers(connection, items)
    known = connection.execute(_KNOWN, {"numbers": [one.number for one in items]}).scalars().all()
    if known:
        raise Conflict(
            f"opening items are there already: {', '.join(known[:10])}; take these lines out of the file"
        )
    ids = posting.post(
        connection,
        [
            NewEntry(
                customers[one.customer_no],
                booked_on,
                "opening",
                one.amount,
                settings.currency,
                principal.name,
                text=one.text or one.number,
                due_on=one.due_on if one.amount > 0 else None,
            )
            for one in items
        ],
    )
    connection.execute(
        _ADD,
        {
            "numbers": [one.number for one in items],
            "references": [same_reference(one.reference) for one in items],
            "entries": ids,
            "hash": sha256,
        },
    )
    set_off(connection, sorted({customers[one.customer_no] for one in items if one.amount < 0}), principal.name)
    detail = {"items": len(items)}
    record(connection, principal, action="import-opening", purpose="billing", detail=detail)
    return _summary(items, already=False)


def parse(data: bytes) -> list[Item]:
    """Read the CSV (UTF-8; comma or semicolon; a header); raises BadInput with every fault by line."""
    try:
        content = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(f"byte {error.start} is not UTF-8: save the file as UTF-8") from None
    if "\x00" in content:
        raise BadInput("the file has a NUL character: export it again as CSV")
    first = content.split("\n", 1)[0]
    reader = csv.DictReader(StringIO(content), delimiter=";" if ";" in first else ",")
    missing = [name for name in COLUMNS[:4] if name not in (reader.fieldnames or [])]
    if missing:
        raise BadInput(f"line 1: the columns {', '.join(missing)} are missing", fields={"line 1": "header"})
    items: list[Item] = []
    faults: dict[str, str] = {}
    seen: set[str] = set()
    for row in _rows(reader):
        where = f"line {reader.line_num}"
        try:
            item = _item(reader.line_num, row)
        except ValueError as error:
            faults[where] = str(error)
            continue
        if item.number in seen:
            faults[where] = f"number {item.number!r} stands twice in the file"
        seen.add(item.number)
        items.append(item)
    _refuse(faults)
    if not items:
        raise BadInput("the file has no items")
    return items


def _rows(reader: "csv.DictReader[str]") -> Iterator[dict[str, str]]:
    try:
        for row in reader:
            yield {name: (value or "").strip() for name, value in row.items() if isinstance(name, str)}
    except csv.Error as error:
        raise BadInput(f"line {reader.line_num}: {error}") from None


def _item(line: int, row: dict[str, str]) -> Item:
    if not row["customer_no"] or not row["number"]:
        raise ValueError("customer_no and number are needed")
    unprintable = [name for name, value in row.items() if not value.isprintable()]
    if unprintable:
        raise ValueError(f"{unprintable[0]} holds a line break or another control character")
    try:
        amount = Decimal(row["amount"].replace(",", "."))
    except InvalidOperation:
        raise ValueError(f"amount {row['amount']!r} is not a number") from None
    if not amount.is_finite() or abs(amount) >= _LIMIT or amount != amount.quantize(CENT) or not amount:
        raise ValueError(f"amount {row['amount']!r} is not an amount of cents other than zero")
    try:
        due_on = date.fromisoformat(row["due_on"])
    except ValueError:
        raise ValueError(f"due_on {row['due_on']!r} is not a day like 2025-01-31") from None
    reference, note = row.get("reference", ""), row.get("text", "")
    return Item(line, row["customer_no"], row["number"], amount.quantize(CENT), due_on, reference, note)


def _customers(connection: Connection, items: list[Item]) -> dict[str, int]:
    numbers = sorted({one.customer_no for one in items})
    rows = connection.execute(
        text("SELECT customer_no, id FROM customer WHERE customer_no = ANY(:numbers)"), {"numbers": numbers}
    )
    found: dict[str, int] = {row.customer_no: row.id for row in rows}
    _refuse(
        {
            f"line {one.line}": f"there is no customer {one.customer_no!r}"
            for one in items
            if one.customer_no not in found
        }
    )
    return found


def _refuse(faults: dict[str, str]) -> None:
    if faults:
        shown = dict(list(faults.items())[:MOST_FAULTS])
        first, complaint = next(iter(shown.items()))
        raise BadInput(f"{len(faults)} lines are not right, first {first}: {complaint}", fields=shown)


def _summary(items: list[Item], *, already: bool) -> Opening:
    return Opening(
        len(items),
        sum((one.amount for one in items if one.amount > 0), ZERO),
        sum((-one.amount for one in items if one.amount < 0), ZERO),
        len({one.customer_no for one in items}),
        already,
    )


_KNOWN = text("SELECT number FROM opening_item WHERE number = ANY(:numbers) ORDER BY number")
_ADD = text(
    """
    INSERT INTO opening_item (number, reference, entry_id, file_sha256)
    SELECT number, reference, entry, :hash
    FROM unnest(CAST(:numbers AS text[]), CAST(:references AS text[]), CAST(:entries AS bigint[]))
         AS n (number, reference, entry)
    """
)
