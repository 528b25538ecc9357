"""Reminders: proposed by rule, looked at, sent once; the fee by the kind of customer goes into the ledger."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

from sqlalchemy import Connection

from meterhub.access.audit import record
from meterhub.access.principal import Principal
from meterhub.billing.delivery.service import enqueue_letter
from meterhub.billing.documents.letters import letter_as_json
from meterhub.billing.documents.model import Letter, LetterKind
from meterhub.billing.dunning import rates
from meterhub.billing.dunning.claims import Claim, overdue
from meterhub.billing.dunning.events import NewEvent, add_batch, note
from meterhub.billing.dunning.letters import write
from meterhub.billing.dunning.steps import Step, next_step, rules_of
from meterhub.billing.ledger.allocations import lock_accounts
from meterhub.billing.ledger.posting import NewEntry, post
from meterhub.billing.products import customer_json
from meterhub.billing.rating.model import Country
from meterhub.billing.receivables.due_dates import bank_day_from
from meterhub.errors import Conflict
from meterhub.kit.money import ZERO
from meterhub.settings import Settings

TERM_DAYS = 14
REMINDERS = (Step.REMINDER_1, Step.REMINDER_2)


@dataclass(frozen=True, slots=True)
class Proposal:
    """A step that may be taken about a claim, with the fee it costs."""

    claim: Claim
    step: Step
    fee: Decimal


@dataclass(frozen=True, slots=True)
class Proposals:
    """What may be done on a day, and what is held back and why."""

    as_of: date
    steps: tuple[Proposal, ...]
    held_back: tuple[Claim, ...]

    @property
    def fees(self) -> Decimal:
        """The sum of all fees."""
        return sum((one.fee for one in self.steps), ZERO)


def propose(
    connection: Connection,
    settings: Settings,
    as_of: date,
    wanted: Sequence[Step] = REMINDERS,
    *,
    at_least: Decimal = ZERO,
    customer_ids: Sequence[int] | None = None,
) -> Proposals:
    """Return the steps that are lawful on a day; nothing is written."""
    rules = rules_of(settings.country)
    fees = rates.fees(connection, settings.country)
    steps, held_back = [], []
    for claim in overdue(connection, as_of, at_least=at_least, customer_ids=customer_ids):
        step = next_step(claim.due_on, claim.events, as_of, rules)
        if step is None or step not in wanted:
            continue
        if claim.stopped is not None:
            held_back.append(claim)
            continue
        fee = rates.fee_of(fees, claim.customer_kind, step, claim.due_on) if step in REMINDERS else ZERO
        steps.append(Proposal(claim, step, fee))
    return Proposals(as_of, tuple(steps), tuple(held_back))


def remind(
    connection: Connection,
    settings: Settings,
    principal: Principal,
    as_of: date,
    *,
    at_least: Decimal = ZERO,
    expected: int | None = None,
) -> tuple[int | None, Proposals]:
    """Send what is due to be reminded of; return the batch (None if there was nothing) and what it did.

    `expected` is how many the clerk saw in the preview: Conflict where that has changed since.
    """
    seen = propose(connection, settings, as_of, at_least=at_least)
    customers = sorted({one.claim.customer_id for one in seen.steps})
    lock_accounts(connection, customers)
    # what was paid or reminded of while others held the accounts is seen now
    proposals = propose(connection, settings, as_of, at_least=at_least, customer_ids=customers)
    proposals = replace(proposals, held_back=seen.held_back)
    if expected is not None and len(proposals.steps) != expected:
        raise Conflict(
            f"{len(proposals.steps)} reminders are due now, the preview showed {expected}: look at it again"
        )
    if not proposals.steps:
        return None, proposals
    batch = add_batch(connection, "reminder", as_of, len(proposals.steps), proposals.fees, principal.name)
    due_on = bank_day_from(Country(settings.country), as_of + timedelta(days=TERM_DAYS))
    fee_ids = iter(
        post(connection, [_fee_entry(one, as_of, due_on, principal) for one in proposals.steps if one.fee])
    )
    last = rules_of(settings.country).reminders
    letters = [_letter(connection, settings, one, as_of, due_on, last) for one in proposals.steps]
    note(
        connection,
        [
            NewEvent(
                customer_id=one.claim.customer_id,
                step=one.step,
                happened_on=as_of,
                open_amount=one.claim.open_amount,
                reason=f"open since {one.claim.due_on}",
                created_by=principal.name,
                entry_id=one.claim.entry_id,
                acts_on=due_on,
                fee=one.fee,
                fee_entry_id=next(fee_ids) if one.fee else None,
                batch_id=batch,
                detail={"letter": letter_as_json(letter)},
            )
            for one, letter in zip(proposals.steps, letters, strict=True)
        ],
    )
    for one, letter in zip(proposals.steps, letters, strict=True):
        enqueue_letter(connection, one.claim.customer_id, letter, principal.name)
    record(
        connection,
        principal,
        action="send-reminders",
        purpose="billing",
        subject=f"dunning-batch:{batch}",
        detail={"reminders": len(proposals.steps)},
    )
    return batch, proposals


def _fee_entry(one: Proposal, as_of: date, due_on: date, principal: Principal) -> NewEntry:
    return NewEntry(
        customer_id=one.claim.customer_id,
        booked_on=as_of,
        kind="reminder_fee",
        amount=one.fee,
        currency=one.claim.currency,
        created_by=principal.name,
        text=f"{one.step.value} of {one.claim.number}",
        due_on=due_on,
        invoice_id=one.claim.invoice_id,
    )


def _letter(
    connection: Connection, settings: Settings, one: Proposal, as_of: date, due_on: date, reminders: int
) -> Letter:
    """Write the letter; the last of several reminders gives notice of collection."""
    notice = one.step is Step.REMINDER_2 and reminders > 1
    return write(
        settings,
        LetterKind.COLLECTION_WARNING if notice else LetterKind.REMINDER,
        f"{one.claim.number}/{REMINDERS.index(one.step) + 1}",
        customer_json(connection, one.claim.customer_id),
        [one.claim],
        issued_on=as_of,
        due_on=due_on,
        fee=one.fee,
        acts_on=due_on if notice else None,
    )
