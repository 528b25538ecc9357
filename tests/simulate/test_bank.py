from datetime import date
from decimal import Decimal

from meterhub.billing.payments.formats import parse
from meterhub.simulate.demo.bank import Paid, notification

D = Decimal


def test_what_the_towns_bank_tells_is_read_as_it_was_paid():
    paid = [Paid("Åsa Bäckström & Co", D("12.30"), "1234561"), Paid("Eero Salo", D("0.05"), "")]
    file = parse(notification(paid, "FI4950009420028730", date(2026, 4, 2)))
    assert file.format == "camt.054"
    read = [(one.payer, one.amount, one.reference, one.booked_on, one.account) for one in file.payments]
    assert read == [(one.payer, one.amount, one.reference, date(2026, 4, 2), "FI4950009420028730") for one in paid]
    assert len({one.bank_id for one in file.payments}) == len(paid)
    assert file.skipped == ()
