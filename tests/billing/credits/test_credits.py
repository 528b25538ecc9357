"""Credit notes in the database: issued once, kept with reason, posted, queued for sending."""

from datetime import date
from decimal import Decimal
from threading import Thread

import pytest
from sqlalchemy.exc import DBAPIError

from meterhub.access.principal import SYSTEM
from meterhub.billing.credits import service
from meterhub.billing.credits.repository import wholly_credited
from meterhub.billing.documents import loading
from meterhub.billing.documents.reading import document_of
from meterhub.billing.einvoice.making import make_ubl
from meterhub.billing.ledger.balances import balance
from meterhub.billing.paper.render import invoice_pdf
from meterhub.errors import BadInput, Conflict, NotFound
from meterhub.explain import chain
from tests.billing.service.town import b1_house, settings

ON = date(2025, 5, 2)


def credit(town, number, lines=None, reason="read wrongly"):
    with town.engine.begin() as connection:
        return service.credit(connection, SYSTEM, number, reason, lines, issued_on=ON)


@pytest.fixture
def number(town) -> str:
    house = b1_house(town)
    town.bill()
    return town.invoice(house).number


def test_a_whole_credit_mirrors_every_stored_amount(town, number):
    with town.engine.connect() as connection:
        original = loading.find_invoice(connection, number)
    issued = credit(town, number)
    with town.engine.connect() as connection:
        note = loading.find_invoice(connection, issued.number)
    assert (note.type, note.credits, note.kind, note.issued_on) == ("credit_note", number, "consumption", ON)
    assert note.gross == -original.gross == issued.gross == Decimal("-235.97")
    assert [line.net for line in note.lines] == [-line.net for line in original.lines]
    assert [line.quantity for line in note.lines] == [-line.quantity for line in original.lines]
    assert [(group.base, group.vat) for group in note.vat_groups] == [
        (-group.base, -group.vat) for group in original.vat_groups
    ]
    assert {line.refers_to for line in note.lines} == {number}


def test_the_ledger_balances_after_a_whole_credit(town, number):
    credit(town, number)
    with town.engine.connect() as connection:
        (customer_id,) = [
            row[0] for row in town.rows("SELECT customer_id FROM invoice WHERE number = :n", n=number)
        ]
        assert balance(connection, customer_id) == 0


def test_reason_and_who_are_kept_and_shown_with_the_document(town, number):
    issued = credit(town, number, [1], reason="  poured back ")
    with town.engine.connect() as connection:
        (kept,) = service.credits_of(connection, number)
    assert (kept.number, kept.reason, kept.created_by, kept.positions) == (
        issued.number,
        "poured back",
        SYSTEM.name,
        [1],
    )


def test_lines_are_returned_in_parts_until_nothing_is_left(town, number):
    wholly = f"SELECT {wholly_credited()} FROM invoice i WHERE i.number = :n"
    parts = [credit(town, number, [1]), credit(town, number, [4, 2])]
    assert not town.scalar(wholly, n=number)
    parts.append(credit(town, number))
    assert town.scalar(wholly, n=number)
    assert sum(part.gross for part in parts) == Decimal("-235.97")
    with pytest.raises(Conflict, match=r"all lines of .* were credited before"):
        credit(town, number)


def test_a_line_is_never_returned_twice(town, number):
    credit(town, number, [2])
    with pytest.raises(Conflict, match=f"line 2 of {number} was credited before"):
        credit(town, number, [2, 3])
    assert town.scalar("SELECT count(*) FROM credit") == 1


def test_two_clerks_at_once_return_a_document_once(town, number):
    outcomes: list[object] = []

    def attempt() -> None:
        try:
            outcomes.append(credit(town, number).gross)
        except Conflict as error:
            outcomes.append(error)

    threads = [Thread(target=attempt) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count(Decimal("-235.97")) == 1
    assert sum(isinstance(outcome, Conflict) for outcome in outcomes) == 3


@pytest.mark.parametrize(
    ("lines", "reason", "error"),
    [
        ([5], "wrong", BadInput),
        ([0], "wrong", BadInput),
        ([1, 1], "wrong", BadInput),
        ([], "wrong", BadInput),
        (None, "   ", BadInput),
    ],
)
def test_what_cannot_be_returned_is_named_and_nothing_is_issued(town, number, lines, reason, error):
    with pytest.raises(error) as raised:
        credit(town, number, lines, reason)
    assert raised.value.fields
    assert town.scalar("SELECT count(*) FROM invoice") == 1


def test_a_document_that_is_not_there_is_named(town):
    with pytest.raises(NotFound, match="2025-000077"):
        credit(town, "2025-000077")


def test_a_credit_is_not_returned_itself(town, number):
    issued = credit(town, number)
    with pytest.raises(Conflict, match="is a credit itself"):
        credit(town, issued.number)


def test_a_preview_says_what_will_be_issued_and_keeps_nothing(town, number):
    with town.engine.begin() as connection:
        preview = service.preview(connection, number, [1, 3])
    assert not preview.whole
    assert town.scalar("SELECT count(*) FROM invoice") == 1
    issued = credit(town, number, [1, 3])
    assert preview.gross == issued.gross
    with town.engine.begin() as connection:
        assert service.preview(connection, number).whole


def test_a_credit_is_queued_for_sending_and_its_record_is_never_edited(town, number):
    issued = credit(town, number)
    assert town.rows("SELECT channel, state FROM delivery WHERE number = :n", n=issued.number) == [
        ("paper", "waiting")
    ]
    for change in ("UPDATE credit SET reason = 'x'", "DELETE FROM credit_line", "TRUNCATE credit CASCADE"):
        with pytest.raises(DBAPIError):
            town.execute(change)


def test_a_credit_explains_prints_and_validates_like_any_document(town, number):
    town.execute("UPDATE customer SET einvoice_address = '0216:003720840699'")
    issued = credit(town, number, [1, 2])
    with town.engine.begin() as connection:
        assert chain.invoice(connection, settings(), issued.number).agrees
        document = loading.find_document(connection, issued.number)
        assert invoice_pdf(document) == invoice_pdf(document_of(loading.find_invoice(connection, issued.number)))
    assert b"<cbc:CreditNoteTypeCode>381" in make_ubl(document)
