"""Entries of ISO 20022 camt statements and notifications: what camt.053 and camt.054 share."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from meterhub.billing.payments.model import IncomingPayment, Nature, PaymentFile, Remittance, Skipped
from meterhub.billing.payments.xml import NAMESPACE, Node, read
from meterhub.kit.money import ZERO

_BOOKED = "BOOK"
_CREDIT = "CRDT"
_CREDIT_NOTE = "CREN"


@dataclass(slots=True)
class _Found:
    payments: list[IncomingPayment] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)


def recognises(data: bytes, message: str) -> bool:
    """Tell whether the first kilobyte names the message's namespace."""
    return f"{NAMESPACE}{message}.".encode() in data[:1024]


def parse(data: bytes, message: str, root_name: str, report_name: str) -> PaymentFile:
    """Read a message of one or more reports, each with its totals verified; raises PaymentFileError."""
    document = read(data)
    root = document.need(root_name)
    header = root.need("GrpHdr")
    found = _Found()
    keys = [header.need("MsgId").text()]
    for report in root.all(report_name):
        keys.append(report.need("Id").text())
        _report(report, found)
    if len(keys) == 1:
        root.refuse("missing-element", f"has no {report_name}")
    created_on = header.need("CreDtTm").day()
    return PaymentFile(message, "+".join(keys), created_on, tuple(found.payments), tuple(found.skipped))


def _report(report: Node, found: _Found) -> None:
    account = report.text("Acct", "Id", "IBAN") or report.need("Acct", "Id", "Othr", "Id").text()
    entries = report.all("Ntry")
    _verify_summary(report, entries)
    _verify_balances(report, entries)
    for entry in entries:
        _entry(entry, account, found)


def _signed(entry: Node) -> Decimal:
    amount = entry.need("Amt").amount()
    return amount if entry.need("CdtDbtInd").text() == _CREDIT else -amount


def _status(entry: Node) -> str:
    return entry.text("Sts", "Cd") or entry.text("Sts")


def _verify_summary(report: Node, entries: list[Node]) -> None:
    """Compare what the report says of its entries with the entries."""
    for name, which in (("TtlNtries", ("CRDT", "DBIT")), ("TtlCdtNtries", ("CRDT",)), ("TtlDbtNtries", ("DBIT",))):
        total = report.get("TxsSummry", name)
        if total is None:
            continue
        amounts = [entry.need("Amt").amount() for entry in entries if entry.need("CdtDbtInd").text() in which]
        if (count := total.get("NbOfNtries")) and count.count() != len(amounts):
            count.refuse("control-total", f"declares {count.text()} entries, there are {len(amounts)}")
        if (declared := total.get("Sum")) and declared.amount() != sum(amounts, ZERO):
            declared.refuse(
                "control-total", f"declares {declared.text()}, the entries come to {sum(amounts, ZERO)}"
            )


def _verify_balances(report: Node, entries: list[Node]) -> None:
    """Compare opening balance and booked entries with the closing balance, where both are given."""
    balances = {one.text("Tp", "CdOrPrtry", "Cd"): one for one in report.all("Bal")}
    opening, closing = balances.get("OPBD") or balances.get("PRCD"), balances.get("CLBD")
    if opening is None or closing is None:
        return
    booked = sum((_signed(entry) for entry in entries if _status(entry) == _BOOKED), ZERO)
    if _signed(opening) + booked != _signed(closing):
        closing.refuse(
            "control-total",
            f"is {_signed(closing)}, but {_signed(opening)} and the booked entries of {booked} differ",
        )


def _entry(entry: Node, account: str, found: _Found) -> None:
    currency = entry.need("Amt").element.get("Ccy", "")
    signed = _signed(entry)
    reversal = entry.text("RvslInd") == "true"
    details = [one for group in entry.all("NtryDtls") for one in group.all("TxDtls")]
    batches = [batch for group in entry.all("NtryDtls") if (batch := group.get("Btch"))]

    def skip(why: str, amount: Decimal = signed) -> None:
        found.skipped.append(Skipped(entry.where, why, amount, currency))

    if _status(entry) != _BOOKED:
        skip("not booked")
    elif signed < 0 and not reversal:
        skip("charges" if _is_charge(entry) else "outgoing")
    elif not details and any(_many(batch) for batch in batches):
        skip("batch total without its payments")
    else:
        charges = _verify_details(entry, details, batches)
        nature = _nature(signed, reversal=reversal)
        found.payments += [_payment(entry, one, account, nature) for one in details or [entry]]
        if charges:
            skip("charges", -charges)


def _many(batch: Node) -> bool:
    count = batch.get("NbOfTxs")
    return count is None or count.count() > 1


def _is_charge(entry: Node) -> bool:
    return entry.text("BkTxCd", "Domn", "Fmly", "SubFmlyCd") in ("CHRG", "COMM", "FEES")


def _nature(signed: Decimal, *, reversal: bool) -> Nature:
    if signed < 0:
        return Nature.REVERSAL
    return Nature.RETURN if reversal else Nature.CREDIT


def _verify_details(entry: Node, details: list[Node], batches: list[Node]) -> Decimal:
    """Compare an entry with its payments; return the charges that the bank kept of them."""
    if not details:
        return ZERO
    total = sum((_amount(one, entry).amount() for one in details), ZERO)
    for batch in batches:
        if (count := batch.get("NbOfTxs")) and len(batches) == 1 and count.count() != len(details):
            count.refuse("control-total", f"declares {count.text()} payments, there are {len(details)}")
        if (declared := batch.get("TtlAmt")) and len(batches) == 1 and declared.amount() != total:
            declared.refuse("control-total", f"declares {declared.text()}, the payments come to {total}")
    amount = entry.need("Amt").amount()
    charges = _charges([entry, *details])
    if total not in (amount, amount + charges):
        entry.need("Amt").refuse("control-total", f"is {amount}, its payments come to {total}")
    return total - amount


def _charges(nodes: Iterable[Node]) -> Decimal:
    found = [rcrd for node in nodes if (charges := node.get("Chrgs")) for rcrd in charges.all("Rcrd")]
    return sum((rcrd.need("Amt").amount() for rcrd in found if rcrd.text("CdtDbtInd") != _CREDIT), ZERO)


def _amount(details: Node, entry: Node) -> Node:
    """Return where the amount of a payment stands: newer messages have it at once, older ones in AmtDtls."""
    for path in (("Amt",), ("AmtDtls", "TxAmt", "Amt")):
        if found := details.get(*path):
            return found
    several = len([one for group in entry.all("NtryDtls") for one in group.all("TxDtls")]) > 1
    if several:
        details.refuse("missing-element", "has no Amt")
    return entry.need("Amt")


def _payment(entry: Node, details: Node, account: str, nature: Nature) -> IncomingPayment:
    money = _amount(details, entry)
    amount = money.amount()
    # A return of our own payment names us as debtor; who sent the money back stands nowhere.
    parties = details.get("RltdPties")
    return IncomingPayment(
        where=details.where,
        nature=nature,
        amount=-amount if nature is Nature.REVERSAL else amount,
        currency=money.element.get("Ccy", ""),
        booked_on=entry.need("BookgDt").day(),
        paid_on=_paid_on(entry, details),
        account=account,
        reference=details.text("RmtInf", "Strd", "CdtrRefInf", "Ref"),
        message=" ".join([*_unstructured(details), details.text("AddtlTxInf")]).strip(),
        payer=_name(parties) if parties else "",
        bank_id=details.text("Refs", "AcctSvcrRef") or details.text("AcctSvcrRef"),
        end_to_end_id=_given(details.text("Refs", "EndToEndId")),
        remittances=tuple(_remittances(details)),
    )


def _given(value: str) -> str:
    return "" if value == "NOTPROVIDED" else value


def _name(parties: Node) -> str:
    """Return the debtor; newer messages put the name one level deeper."""
    return parties.text("Dbtr", "Pty", "Nm") or parties.text("Dbtr", "Nm")


def _unstructured(details: Node) -> Iterator[str]:
    remittance = details.get("RmtInf")
    if remittance:
        yield from remittance.texts("Ustrd")


def _paid_on(entry: Node, details: Node) -> date:
    """Return the day on which the payer paid, where the bank tells; else when it was booked."""
    for path in (("RltdDts", "AccptncDtTm"), ("RltdDts", "TxDtTm")):
        if found := details.get(*path):
            return found.day()
    return entry.need("BookgDt").day()


def _remittances(details: Node) -> Iterator[Remittance]:
    """Yield the documents that the payer names, where there is more than a single reference."""
    remittance = details.get("RmtInf")
    structured = remittance.all("Strd") if remittance else []
    if len(structured) <= 1:
        return
    for one in structured:
        kind = one.text("RfrdDocInf", "Tp", "CdOrPrtry", "Cd")
        amounts = one.get("RfrdDocAmt")
        stated = amounts and (amounts.get("CdtNoteAmt") or amounts.get("RmtdAmt") or amounts.get("DuePyblAmt"))
        amount = stated.amount() if stated else ZERO
        reference = one.text("CdtrRefInf", "Ref") or one.text("RfrdDocInf", "Nb")
        yield Remittance(reference, -amount if kind == _CREDIT_NOTE else amount)
