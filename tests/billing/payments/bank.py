"""A bank: writes the files that the product reads, from payments in a few words."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from meterhub.kit.money import cents

IBAN = "FI2112345600000785"
NO_IBAN = "NO9386011117947"
DAY = date(2025, 4, 28)


@dataclass(frozen=True)
class Paid:
    """One payment of a file; `correction` takes back an earlier one."""

    amount: Decimal
    reference: str = ""
    payer: str = "MALLINEN MAI"
    archive_id: str = ""
    message: str = ""
    booked_on: date = DAY
    paid_on: date = DAY
    correction: bool = False


def paid(amount: str, reference: str = "", **more: object) -> Paid:
    return Paid(Decimal(amount), reference, **more)  # type: ignore[arg-type]  # passed on


def ktl(*payments: Paid, time: str = "0615", iban: str = IBAN, day: date = DAY) -> bytes:
    """Write a Finnish reference payment list."""
    lines = [f"0{day:%y%m%d}{time}1712345678".ljust(22) + "1" + " " * 67]
    for n, one in enumerate(payments):
        lines.append(
            f"3{iban[4:]}{one.booked_on:%y%m%d}{one.paid_on:%y%m%d}{one.archive_id or f'{time}{n:012d}':>16}"
            f"{one.reference:0>20}{one.payer:12.12}1J{cents(one.amount):010d}{int(one.correction)}A0"
        )
    plain = [one.amount for one in payments if not one.correction]
    back = [one.amount for one in payments if one.correction]
    sums = [f"{len(of):06d}{cents(sum(of, Decimal(0))):011d}" for of in (plain, back)]
    lines.append(f"9{''.join(sums)}".ljust(90))
    return "\r\n".join(lines).encode("iso-8859-1")


def ocr(
    *payments: Paid, transmission: str = "0000001", account: str = NO_IBAN[4:], other_service: bool = False
) -> bytes:
    """Write a Norwegian OCR giro transmission; sums add reversals."""
    lines = [f"NY00001000008080{transmission}00010200".ljust(80, "0")]
    lines.append(f"NY090020123456789{transmission}{account}".ljust(80, "0"))
    total = sum((one.amount for one in payments), Decimal(0))
    for n, one in enumerate(payments, start=1):
        kind = "18" if one.correction else "13"
        sign = "-" if one.correction else "0"
        lines.append(
            f"NY09{kind}30{n:07d}{one.booked_on:%d%m%y}00{one.booked_on:%d}000000{sign}"[:32].ljust(32, "0")
            + f"{cents(one.amount):017d}{one.reference:>25}000000"
        )
        lines.append(f"NY09{kind}31{n:07d}0000000000{n:09d}0000000{one.paid_on:%d%m%y}".ljust(80, "0"))
    records = len(lines)
    stamp = f"{DAY:%d%m%y}"
    lines.append(
        f"NY090088{len(payments):08d}{records:08d}{cents(total):017d}{stamp}{stamp}{stamp}".ljust(80, "0")
    )
    count = len(payments)
    if other_service:
        lines.append(f"NY210020123456789{transmission}{account}".ljust(80, "0"))
        lines.append("NY2194700000001" + "0" * 65)
        lines.append(f"NY210088{1:08d}{3:08d}{0:017d}{stamp}{stamp}{stamp}".ljust(80, "0"))
        count += 1
    lines.append(f"NY000089{count:08d}{len(lines) + 1:08d}{cents(total):017d}{stamp}".ljust(80, "0"))
    return "\n".join(lines).encode()


def transaction(one: Paid, currency: str = "EUR") -> str:
    """Write a TxDtls element."""
    structured = f"<Strd><CdtrRefInf><Ref>{one.reference}</Ref></CdtrRefInf></Strd>" if one.reference else ""
    message = f"<Ustrd>{one.message}</Ustrd>" if one.message else ""
    archive = f"<AcctSvcrRef>{one.archive_id}</AcctSvcrRef>" if one.archive_id else ""
    return (
        f"<TxDtls><Refs>{archive}<EndToEndId>NOTPROVIDED</EndToEndId></Refs>"
        f'<Amt Ccy="{currency}">{one.amount}</Amt><CdtDbtInd>{"DBIT" if one.correction else "CRDT"}</CdtDbtInd>'
        f"<RltdPties><Dbtr><Pty><Nm>{one.payer}</Nm></Pty></Dbtr></RltdPties>"
        f"<RmtInf>{message}{structured}</RmtInf>"
        f"<RltdDts><AccptncDtTm>{one.paid_on}T10:00:00</AccptncDtTm></RltdDts></TxDtls>"
    )


def entry(
    *payments: Paid, currency: str = "EUR", status: str = "BOOK", details: str | None = None, extra: str = "",
    amount: str | None = None, direction: str = "CRDT", reversal: bool = False,
) -> str:  # fmt: skip
    """Write a Ntry element with its payments."""
    total = amount or str(sum((one.amount for one in payments), Decimal("0.00")))
    booked = payments[0].booked_on if payments else DAY
    inside = "".join(transaction(one, currency) for one in payments) if details is None else details
    return (
        f'<Ntry><Amt Ccy="{currency}">{total}</Amt><CdtDbtInd>{direction}</CdtDbtInd>'
        f"{'<RvslInd>true</RvslInd>' if reversal else ''}<Sts><Cd>{status}</Cd></Sts>"
        f"<BookgDt><Dt>{booked}</Dt></BookgDt>{extra}<NtryDtls>{inside}</NtryDtls></Ntry>"
    )


def camt054(*entries: str, message_id: str = "N-1", iban: str = IBAN, summary: str = "") -> bytes:
    """Write a notification."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.054.001.08"><BkToCstmrDbtCdtNtfctn>'
        f"<GrpHdr><MsgId>{message_id}</MsgId><CreDtTm>2025-04-29T06:00:00+03:00</CreDtTm></GrpHdr>"
        f"<Ntfctn><Id>1</Id><Acct><Id><IBAN>{iban}</IBAN></Id></Acct>{summary}{''.join(entries)}</Ntfctn>"
        "</BkToCstmrDbtCdtNtfctn></Document>"
    ).encode()


def balance(code: str, amount: str) -> str:
    """Write a Bal element."""
    return (
        f'<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">{amount}</Amt>'
        f"<CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>{DAY}</Dt></Dt></Bal>"
    )


def camt053(*entries: str, message_id: str = "S-1", iban: str = IBAN, balances: str = "") -> bytes:
    """Write a statement."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt>'
        f"<GrpHdr><MsgId>{message_id}</MsgId><CreDtTm>2025-04-29T06:00:00+03:00</CreDtTm></GrpHdr>"
        f"<Stmt><Id>1</Id><Acct><Id><IBAN>{iban}</IBAN></Id></Acct>{balances}{''.join(entries)}</Stmt>"
        "</BkToCstmrStmt></Document>"
    ).encode()
