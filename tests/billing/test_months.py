"""Months of clerks' work in any order: whatever they do, money, numbers and documents stay sound."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar

from hypothesis import HealthCheck
from hypothesis import settings as examples
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import Connection, Engine, text

from meterhub.access.principal import SYSTEM
from meterhub.billing import audit
from meterhub.billing.credits import service as crediting
from meterhub.billing.dunning import interest, reminders
from meterhub.billing.payments import accounting, checks, clerk, refunding, writing_off
from meterhub.billing.payments.clerk import Wanted
from meterhub.billing.runs import execution, life
from meterhub.billing.runs.schemas import RunRequest
from meterhub.errors import MeterhubError
from tests.billing.service.test_regimes import estimated
from tests.billing.service.town import House, Town, at, settings

D = Decimal
MONTHS = [date(2025, month, 1) for month in range(1, 7)]
FIRST_DAY, LAST_DAY = date(2025, 2, 1), date(2026, 5, 1)
IBAN = "FI37 1590 3000 0007 76"
HUB = settings()
ANNA, BERIT, CARL = (replace(SYSTEM, name=name) for name in ("anna", "berit", "carl"))
INTEREST = D("0.01")  # so that interest is billed often
ANY = st.integers(0, 30)
CENTS = st.integers(1, 60_000)


class Months(RuleBasedStateMachine):
    """One transaction on a town of three houses; what is refused leaves nothing behind."""

    engine: ClassVar[Engine]
    houses: ClassVar[list[House]]

    def __init__(self) -> None:
        super().__init__()
        self.connection: Connection = self.engine.connect()
        self.connection.begin()
        self.today = FIRST_DAY
        self.owed = D(0)  # by all customers together, as it follows from what the clerks did

    def teardown(self) -> None:
        try:
            self.documents_compute_to_themselves_and_all_is_exported()
        finally:
            self.connection.close()

    def tried(self, act: Callable[[], Any]) -> Any:
        """Return what an act returns, or None where it was refused with a reason."""
        with suppress(MeterhubError), self.connection.begin_nested():
            return act()
        return None

    def scalar(self, query: str, **values: object) -> Any:
        return self.connection.execute(text(query), values).scalar()

    def pick(self, query: str, which: int) -> Any:
        found = self.connection.execute(text(query)).scalars().all()
        return found[which % len(found)] if found else None

    def issued_gross(self) -> Decimal:
        return self.scalar("SELECT coalesce(sum(gross), 0) FROM invoice")

    def run(self, **changes: object) -> bool:
        """Calculate, approve and issue a run as the worker does, in this transaction."""
        asked = {"tariff": "example-town", "issued_on": self.today} | changes
        run_id = life.start_run(self.connection, ANNA, RunRequest.model_validate(asked))
        work = execution.begin(self.connection, HUB, run_id)
        assert work is not None
        while execution.bill_chunk(self.connection, work, 2):
            pass
        execution.finish(self.connection, run_id)
        life.approve(self.connection, BERIT, run_id)
        life.issue(self.connection, ANNA, run_id)
        issuing = execution.begin_issuing(self.connection, HUB, run_id)
        assert issuing is not None
        while execution.issue_drafts(self.connection, issuing, 2):
            pass
        execution.finish_issuing(self.connection, run_id)
        return True

    def issuing(self, act: Callable[[], Any]) -> None:
        """Try what issues documents: their gross is owed."""
        before = self.issued_gross()
        self.tried(act)
        self.owed += self.issued_gross() - before

    @initialize(read=st.booleans(), cents=CENTS)
    def begin_the_year(self, read: bool, cents: int) -> None:
        """Two months are billed, the second perhaps on a read after an estimate, and somebody has paid."""
        self.bill_the_town(0, 1)
        if read:
            self.read_the_meter_that_is_read_seldom(2, 0)
        self.bill_the_town(1, 1)
        self.pay(cents, 0, 0, known=True)

    @rule(days=st.integers(1, 45))
    def days_pass(self, days: int) -> None:
        self.today = min(self.today + timedelta(days=days), LAST_DAY)

    @rule(month=st.integers(0, 4), months=st.integers(1, 2))
    def bill_the_town(self, month: int, months: int) -> None:
        period = (MONTHS[month], MONTHS[min(month + months, 5)])
        self.today = max(self.today, period[1])
        self.issuing(lambda: self.run(billing_group="quarterly", period=period))

    @rule(month=st.integers(0, 4), which=ANY)
    def bill_one_house_out_of_turn(self, month: int, which: int) -> None:
        period, house = (MONTHS[month], MONTHS[month + 1]), self.houses[which % 3]
        self.today = max(self.today, period[1])
        self.issuing(lambda: self.run(kind="contracts", contracts=[house.contract_no], period=period))

    @rule(month=st.integers(1, 5), litres=st.integers(0, 20_000))
    def read_the_meter_that_is_read_seldom(self, month: int, litres: int) -> None:
        values = {"meter": self.houses[1].meter_id, "at": at(MONTHS[month]), "ml": month * 10**7 + litres * 1000}
        self.connection.execute(
            text(
                "INSERT INTO register_read (meter_id, at, volume_ml, source) "
                "VALUES (:meter, :at, :ml, 'customer') ON CONFLICT DO NOTHING"
            ),
            values,
        )

    @rule(
        which=st.integers(0, 8), lines=st.none() | st.lists(st.integers(1, 5), min_size=1, max_size=3, unique=True)
    )
    def credit(self, which: int, lines: list[int] | None) -> None:
        number = self.pick("SELECT number FROM invoice ORDER BY id", which)
        if number:
            self.issuing(
                lambda: crediting.credit(
                    self.connection, ANNA, number, "read wrongly", lines, issued_on=self.today
                )
            )

    @rule(cents=CENTS, which=ANY, late=st.integers(0, 3), known=st.booleans())
    def pay(self, cents: int, which: int, late: int, known: bool) -> None:
        reference = self.pick("SELECT reference FROM invoice ORDER BY id", which) if known else None
        payment = self.tried(
            lambda: clerk.enter(
                self.connection, HUB, ANNA, amount=D(cents) / 100, booked_on=self.today,
                paid_on=self.today - timedelta(days=late), reference=reference or "",
            )
        )  # fmt: skip
        self.owed -= self.posted(payment) if payment else 0

    def posted(self, payment: int) -> Decimal:
        return clerk.find(self.connection, payment).posted

    @rule(which=ANY, house=ANY, cents=st.none() | CENTS)
    def match(self, which: int, house: int, cents: int | None) -> None:
        payment = self.pick("SELECT payment_id FROM unmatched_payment ORDER BY 1", which)
        wanted = [Wanted(self.houses[house % 3].customer_no, None if cents is None else D(cents) / 100)]
        if payment:
            before = self.posted(payment)
            self.tried(lambda: clerk.match_by_hand(self.connection, HUB, ANNA, payment, wanted))
            self.owed -= self.posted(payment) - before

    @rule(which=ANY)
    def undo_a_payment(self, which: int) -> None:
        payment = self.pick("SELECT id FROM payment ORDER BY id", which)
        if payment:
            before = self.posted(payment)
            self.tried(lambda: clerk.undo(self.connection, ANNA, payment, "wrong account", self.today))
            self.owed += before - self.posted(payment)

    @rule(which=ANY, cents=st.none() | CENTS, approved=st.booleans())
    def propose_a_refund(self, which: int, cents: int | None, approved: bool) -> None:
        with_credit = (
            "SELECT c.customer_no FROM ledger_entry e JOIN customer c ON c.id = e.customer_id "
            "GROUP BY c.customer_no HAVING sum(e.amount) < 0 ORDER BY 1"
        )
        customer, amount = self.pick(with_credit, which), None if cents is None else D(cents) / 100
        refund = self.tried(
            lambda: (
                customer
                and refunding.propose(
                    self.connection, HUB, ANNA, customer, IBAN, "asked", amount=amount, final=True
                )
            )
        )
        if refund and approved:
            self.go_on_with_a_refund(-1, "approve")

    @rule(which=ANY, act=st.sampled_from(["approve", "reject", "send", "return"]))
    def go_on_with_a_refund(self, which: int, act: str) -> None:
        refund = self.pick("SELECT id FROM refund ORDER BY id", which)
        if refund is None:
            return
        before = self.refunded()
        now = datetime.combine(self.today, datetime.min.time(), UTC)
        if act == "approve":
            self.tried(lambda: refunding.approve(self.connection, BERIT, refund, self.today))
            self.tried(lambda: refunding.approve(self.connection, CARL, refund, self.today))
        elif act == "reject":
            self.tried(lambda: refunding.reject(self.connection, BERIT, refund, "no", self.today))
        elif act == "send":
            self.tried(lambda: refunding.export(self.connection, HUB, ANNA, self.today, now))
        else:
            self.tried(lambda: refunding.mark_returned(self.connection, refund, self.today, "bank"))
        self.owed += self.refunded() - before

    def refunded(self) -> Decimal:
        return self.scalar("SELECT coalesce(sum(amount), 0) FROM refund WHERE state IN ('approved', 'exported')")

    @rule(which=ANY, act=st.sampled_from(["propose", "approve", "reject", "undo"]), cents=st.none() | CENTS)
    def write_off(self, which: int, act: str, cents: int | None) -> None:
        given_up = "SELECT id FROM write_off ORDER BY id"
        before = self.written_off()
        if act == "propose":
            entry = self.pick("SELECT id FROM ledger_entry WHERE amount > 0 ORDER BY id", which)
            amount = None if cents is None else D(cents) / 100
            self.tried(
                lambda: (
                    entry and writing_off.propose(self.connection, HUB, ANNA, entry, "small", self.today, amount)
                )
            )
        elif (one := self.pick(given_up, which)) is not None:
            if act == "approve":
                self.tried(lambda: writing_off.approve(self.connection, BERIT, one, self.today))
            elif act == "reject":
                self.tried(lambda: writing_off.reject(self.connection, BERIT, one))
            else:
                self.tried(lambda: writing_off.undo(self.connection, BERIT, one, "paid after all", self.today))
        self.owed -= self.written_off() - before

    def written_off(self) -> Decimal:
        return self.scalar(
            "SELECT coalesce(sum(w.amount), 0) FROM write_off w WHERE w.state = 'posted' AND NOT EXISTS "
            "(SELECT 1 FROM ledger_entry r WHERE r.reverses_id = w.entry_id)"
        )

    @rule()
    def remind(self) -> None:
        made = self.tried(lambda: reminders.remind(self.connection, HUB, ANNA, self.today))
        self.owed += made[1].fees if made and made[0] else 0

    @rule()
    def charge_interest(self) -> None:
        until = self.today - timedelta(days=1)
        self.issuing(lambda: interest.charge(self.connection, HUB, ANNA, until, self.today, minimum=INTEREST))

    @rule()
    def export(self) -> None:
        self.tried(lambda: accounting.export(self.connection, HUB, ANNA, self.today))

    @invariant()
    def money_is_where_the_clerks_put_it(self) -> None:
        assert self.scalar("SELECT coalesce(sum(amount), 0) FROM ledger_entry") == self.owed
        assert checks.findings(self.connection) == []

    @invariant()
    def numbers_have_no_gaps_and_nothing_is_billed_twice(self) -> None:
        for check in (audit.check_numbers, audit.check_periods, audit.check_heads):
            assert check(self.connection) == []

    @invariant()
    def no_line_is_returned_twice(self) -> None:
        assert self.scalar(_RETURNED_TWICE) is None

    def documents_compute_to_themselves_and_all_is_exported(self) -> None:
        assert [one for step in audit.check_documents(self.connection) for one in step.faults] == []
        self.tried(lambda: accounting.export(self.connection, HUB, ANNA, LAST_DAY))
        self.money_is_where_the_clerks_put_it()
        receivables = D(0)
        for content in self.connection.execute(text("SELECT content FROM accounting_export")).scalars():
            sums = {one.account: one for one in accounting.sums(content)}
            assert sum(one.debit - one.credit for one in sums.values()) == 0
            if HUB.accounting.receivables in sums:
                one = sums[HUB.accounting.receivables]
                receivables += one.debit - one.credit
        assert receivables == self.owed


# Of a line that was charged, all that returned it less what took that back again: at most all of it, once.
_RETURNED_TWICE = """
    SELECT i.number FROM invoice i JOIN invoice_line l ON l.invoice_id = i.id AND l.refers_to IS NULL
    JOIN invoice_line r ON r.refers_to = i.number AND r.component = l.component
        AND r.point IS NOT DISTINCT FROM l.point AND r.period IS NOT DISTINCT FROM l.period
        AND r.quantity = -l.quantity AND r.net = -l.net
    WHERE NOT EXISTS (
        SELECT 1 FROM credit_line cl WHERE cl.credits_id = r.invoice_id AND cl.position = r.position)
    GROUP BY i.number, l.invoice_id, l.position HAVING count(*) > 1
"""


def test_whatever_clerks_do_money_numbers_and_documents_stay_sound(engine: Engine) -> None:
    town = Town(engine)
    reads = [(at(day), f"{100 + 9 * n}.000") for n, day in enumerate(MONTHS)]
    houses = [
        town.house(*reads, name="Maija Mallinen"),
        estimated(town, town.house((at(MONTHS[0]), "0.000"), name="Pekka Pumppu"), "120"),
        town.house(*reads, name="Aino Altonen"),
    ]
    machine = type("MonthsOfThisTown", (Months,), {"engine": engine, "houses": houses})
    run_state_machine_as_test(
        machine,
        settings=examples(
            max_examples=5, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
