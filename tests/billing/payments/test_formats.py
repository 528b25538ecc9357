from datetime import date
from decimal import Decimal

import netsgiro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meterhub.billing.payments import formats
from meterhub.billing.payments.formats import parse
from meterhub.billing.payments.model import Nature, PaymentFileError
from meterhub.billing.receivables.identifiers import make_kid_mod10, make_viite
from tests.billing.payments.bank import DAY, IBAN, NO_IBAN, Paid, balance, camt053, camt054, entry, ktl, ocr, paid

# The published example of the KTL format: one payment of 235.97 by reference 22010010.
EXAMPLE = "\n".join([
    "02501100615171234567801".ljust(90),
    "312345600000785250109250108250109987654321000000000000022010010MALLINEN MAI1J00000235970A0",
    "90000010000002359700000000000000000".ljust(90),
]).encode()  # fmt: skip


def summary(name, inside):
    return f"<TxsSummry><{name}>{inside}</{name}></TxsSummry>"


def refusal(data):
    with pytest.raises(PaymentFileError) as caught:
        parse(data)
    return caught.value


def test_the_example_of_the_finnish_format_is_read():
    file = parse(EXAMPLE)
    [one] = file.payments
    assert (file.format, file.total, file.created_on) == ("ktl", Decimal("235.97"), date(2025, 1, 10))
    assert (one.account, one.reference, one.payer) == (IBAN, "22010010", "MALLINEN MAI")
    assert (one.booked_on, one.paid_on, one.bank_id) == (date(2025, 1, 9), date(2025, 1, 8), "2501099876543210")


def test_a_correction_takes_back_and_the_total_nets_it():
    file = parse(ktl(paid("10.00", "1232"), paid("4.00", "1232", correction=True)))
    assert [one.nature for one in file.payments] == [Nature.CREDIT, Nature.REVERSAL]
    assert file.total == Decimal("6.00")


@pytest.mark.parametrize(
    ("change", "reason", "where"),
    [
        (lambda lines: lines[:-1], "cut-off", "after line 2"),
        (lambda lines: [lines[0], lines[1][:60], lines[2]], "bad-field", "line 2"),
        (lambda lines: [lines[0], lines[1].replace("23597", "23598"), lines[2]], "control-total", "line 3"),
        (lambda lines: [lines[0], lines[2]], "control-total", "line 2"),
        (lambda lines: [lines[0], "7" + lines[1][1:], lines[2]], "bad-record", "line 2"),
        (
            lambda lines: [lines[0], lines[1].replace("250109250108", "251309250108"), lines[2]],
            "bad-date",
            "line 2",
        ),
        (lambda lines: [lines[0], lines[0], lines[2]], "cut-off", "line 2"),
        (lambda lines: [*lines, lines[1]], "cut-off", "line 4"),
        (lambda lines: [lines[0], lines[1] + "X", lines[2]], "bad-length", "line 2"),
    ],
)
def test_a_broken_finnish_file_is_refused_with_the_line_and_the_reason(change, reason, where):
    broken = "\n".join(change(EXAMPLE.decode().split("\n"))).encode()
    error = refusal(broken)
    assert (error.reason, error.where) == (reason, where)
    assert ";" in error.detail  # the next step


MONEY = st.decimals(min_value=Decimal("0.01"), max_value=Decimal("99999.99"), places=2)
VIITE = st.integers(100, 10**18).map(lambda n: make_viite(str(n)))
KID = st.integers(1, 10**23).map(lambda n: make_kid_mod10(str(n)))


def payments_with(references):
    return st.lists(st.builds(Paid, amount=MONEY, reference=references, correction=st.booleans()), max_size=8)


def as_read(one):
    sign = -1 if one.correction else 1
    return (sign * one.amount, one.reference.lstrip("0"), one.booked_on, one.paid_on)


@given(payments_with(VIITE))
def test_what_a_finnish_bank_writes_is_read_back(payments):
    file = parse(ktl(*payments))
    assert [(p.amount, p.reference, p.booked_on, p.paid_on) for p in file.payments] == [
        as_read(p) for p in payments
    ]


@given(payments_with(KID))
def test_what_a_norwegian_bank_writes_is_read_back(payments):
    file = parse(ocr(*payments))
    assert [(p.amount, p.reference, p.booked_on, p.paid_on) for p in file.payments] == [
        as_read(p) for p in payments
    ]


@given(st.lists(st.builds(Paid, amount=MONEY, reference=KID), min_size=1, max_size=8))
def test_another_reader_of_ocr_giro_sees_the_same(payments):
    data = ocr(*payments)
    theirs = netsgiro.parse(data.decode())
    ours = parse(data)
    transactions = [one for assignment in theirs.assignments for one in assignment.transactions]
    assert [(one.amount, one.kid) for one in transactions] == [(p.amount, p.reference) for p in ours.payments]
    assert theirs.get_total_amount() == ours.total
    assert {assignment.account for assignment in theirs.assignments} == {NO_IBAN[4:]}


def test_other_services_in_an_ocr_file_are_skipped_and_counted():
    file = parse(ocr(paid("328.13", "20260004179"), other_service=True))
    assert len(file.payments) == 1
    assert [one.why for one in file.skipped] == ["service 21"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda lines: lines[:-1], "cut-off"),
        (lambda lines: [*lines[:-2], lines[-1]], "cut-off"),
        (
            lambda lines: [line.replace("00000000000001000 ", "00000000000001001 ") for line in lines],
            "control-total",
        ),
        (lambda lines: [*lines[:2], *lines[4:]], "control-total"),
        (lambda lines: [*lines, lines[0]], "bad-record"),
        (lambda lines: ["XX" + line[2:] if n == 2 else line for n, line in enumerate(lines)], "bad-record"),
    ],
)
def test_a_broken_norwegian_file_is_refused(change, reason):
    lines = ocr(paid("10.00", make_kid_mod10("1234")), paid("2.00", make_kid_mod10("77"))).decode().split("\n")
    assert refusal("\n".join(change(lines)).encode()).reason == reason


@given(
    st.lists(st.builds(Paid, amount=MONEY, reference=VIITE, archive_id=st.text("AB12", max_size=9)), max_size=6)
)
def test_what_a_notification_says_is_read_back(payments):
    file = parse(camt054(*[entry(one) for one in payments]))
    assert [(p.amount, p.reference, p.booked_on, p.paid_on) for p in file.payments] == [
        as_read(p) for p in payments
    ]
    assert [p.bank_id for p in file.payments] == [p.archive_id for p in payments]


def test_a_statement_leaves_batch_totals_outgoing_money_charges_and_unbooked_entries_out():
    batch = "<Btch><NbOfTxs>12</NbOfTxs></Btch>"
    charge = "<BkTxCd><Domn><Cd>ACMT</Cd><Fmly><Cd>MDOP</Cd><SubFmlyCd>CHRG</SubFmlyCd></Fmly></Domn></BkTxCd>"
    file = parse(
        camt053(
            entry(paid("10.00", "1232")),
            entry(amount="500.00", details=batch),
            entry(amount="7.00", details="", direction="DBIT"),
            entry(amount="1.50", details="", direction="DBIT", extra=charge),
            entry(paid("3.00", "1232"), status="PDNG"),
        )
    )
    assert [one.amount for one in file.payments] == [Decimal("10.00")]
    assert [(one.why, one.amount) for one in file.skipped] == [
        ("batch total without its payments", Decimal("500.00")),
        ("outgoing", Decimal("-7.00")),
        ("charges", Decimal("-1.50")),
        ("not booked", Decimal("3.00")),
    ]


def test_a_batch_with_its_payments_is_read_and_charges_kept_by_the_bank_are_counted():
    charges = '<Chrgs><Rcrd><Amt Ccy="EUR">0.50</Amt><CdtDbtInd>DBIT</CdtDbtInd></Rcrd></Chrgs>'
    one, two = paid("10.00", "1232"), paid("5.00", "12344")
    file = parse(camt054(entry(one, two, amount="14.50", extra=charges)))
    assert file.total == Decimal("15.00")
    assert [(skipped.why, skipped.amount) for skipped in file.skipped] == [("charges", Decimal("-0.50"))]


def test_a_reversal_in_a_statement_takes_back_and_returned_money_of_ours_is_told_apart():
    file = parse(
        camt053(
            entry(paid("10.00", "1232", correction=True), direction="DBIT", reversal=True),
            entry(paid("20.00"), reversal=True),
        )
    )
    assert [(one.nature, one.amount) for one in file.payments] == [
        (Nature.REVERSAL, Decimal("-10.00")),
        (Nature.RETURN, Decimal("20.00")),
    ]


def test_several_documents_in_one_payment_are_read_with_their_signs():
    strd = (
        "<TxDtls><Amt Ccy='EUR'>70.00</Amt><RmtInf>"
        "<Strd><RfrdDocInf><Tp><CdOrPrtry><Cd>CINV</Cd></CdOrPrtry></Tp><Nb>2025-000001</Nb></RfrdDocInf>"
        "<RfrdDocAmt><RmtdAmt Ccy='EUR'>100.00</RmtdAmt></RfrdDocAmt></Strd>"
        "<Strd><RfrdDocInf><Tp><CdOrPrtry><Cd>CREN</Cd></CdOrPrtry></Tp><Nb>C2025-000001</Nb></RfrdDocInf>"
        "<RfrdDocAmt><CdtNoteAmt Ccy='EUR'>30.00</CdtNoteAmt></RfrdDocAmt></Strd></RmtInf></TxDtls>"
    )
    [one] = parse(camt054(entry(amount="70.00", details=strd))).payments
    assert [(part.reference, part.amount) for part in one.remittances] == [
        ("2025-000001", Decimal("100.00")),
        ("C2025-000001", Decimal("-30.00")),
    ]


def test_balances_of_a_statement_must_agree_with_its_entries():
    good = balance("OPBD", "100.00") + balance("CLBD", "110.00")
    assert parse(camt053(entry(paid("10.00")), balances=good)).total == Decimal("10.00")
    bad = balance("OPBD", "100.00") + balance("CLBD", "110.01")
    error = refusal(camt053(entry(paid("10.00")), balances=bad))
    assert (error.reason, "line" in error.where) == ("control-total", True)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (camt054(entry(paid("10.00")))[:-60], "bad-xml"),
        (camt054(entry(paid("10.00"), amount="11.00")), "control-total"),
        (camt054(entry(paid("10.00")), summary=summary("TtlNtries", "<Sum>1.00</Sum>")), "control-total"),
        (camt054(entry(paid("10.00")), summary=summary("TtlCdtNtries", "<Sum>9.99</Sum>")), "control-total"),
        (camt054(entry(paid("10.00"))).replace(b"2025-04-28</Dt>", b"2025-02-30</Dt>"), "bad-date"),
        (camt054(entry(paid("10.00"))).replace(b">10.00<", b">10.001<"), "bad-amount"),
        (camt054(entry(paid("10.00"))).replace(b">10.00<", b">NaN<"), "bad-amount"),
        (camt054(entry(paid("10.00"))).replace(b"BookgDt", b"ValDt"), "missing-element"),
        (b"hello", "unknown-format"),
        (b"", "unknown-format"),
    ],
)  # fmt: skip
def test_a_broken_message_is_refused(data, reason):
    assert refusal(data).reason == reason


def test_entities_are_not_read():
    attack = camt054(entry(paid("10.00", payer="&x;"))).replace(
        b"?><Document", b'?><!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]><Document'
    )
    assert refusal(attack).reason == "bad-xml"


def test_an_amount_that_no_bill_comes_to_and_a_control_character_are_refused():
    assert refusal(camt054(entry(paid("1000000000.00")))).reason == "bad-amount"
    assert refusal(EXAMPLE.replace(b"MALLINEN", b"MALL\x00NEN")).reason == "bad-character"


@pytest.mark.parametrize("amount", ["1E999999", "9" * 40, "NaN", "-5.00", "1_0", "\u0661", "1.005", "", "0x10"])
def test_what_is_no_amount_is_refused_with_its_place(amount):
    said = refusal(camt054(entry(paid("10.00"))).replace(b">10.00<", f">{amount}<".encode()))
    assert said.reason == "bad-amount"
    assert "Amt" in said.where


def test_a_file_over_the_limit_is_refused_before_it_is_read(monkeypatch):
    monkeypatch.setattr(formats, "MAX_BYTES", 10)
    assert refusal(EXAMPLE).reason == "too-large"


@given(st.binary(max_size=400), st.sampled_from([b"", b"0250110", b"NY000010", EXAMPLE[:120], camt054()[:150]]))
def test_bytes_that_are_no_file_are_refused_in_one_way(data, start):
    try:
        parse(start + data)
    except PaymentFileError:
        return


def test_a_new_format_is_a_new_file():
    assert list(formats.formats()) == ["camt.053", "camt.054", "ktl", "ocr_giro"]
    assert date(2025, 4, 28) == DAY
