"""Empties the outbox: claims what waits, sends it, and keeps what came of it.

A delivery is claimed in a transaction of its own before anything leaves, so a second worker never sends it.
Where a worker died between sending and saying so, files are simply written again under the same name; whether
an e-mail left cannot be known, so it is left to a clerk. Addresses and names never reach the log.
"""

import smtplib
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Engine

from meterhub.billing.delivery import mail, repository
from meterhub.billing.delivery.content import Parcel, parcel_of, pdf_of, xml_of
from meterhub.billing.delivery.files import file_name, outbox, print_batch, write_whole
from meterhub.errors import BadInput, Conflict, MeterhubError
from meterhub.kit.clock import Clock
from meterhub.kit.db import AnyRow
from meterhub.settings import Settings

log = structlog.get_logger(__name__)

CLAIMED_AT_ONCE = 50
PRINTED_AT_ONCE = 500
# Waiting before the next try; after the last, a clerk decides.
PAUSES = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 30, 120, 360, 720, 1440))
SILENT_FOR = timedelta(minutes=30)
UNCERTAIN = "it is not known whether this e-mail left; ask the customer, then send it again if need be"
# What a clerk has to mend first; trying again would change nothing.
LASTING = (BadInput, Conflict, ValueError, smtplib.SMTPRecipientsRefused)
PASSING = (MeterhubError, OSError, smtplib.SMTPException)


@dataclass(slots=True)
class Sent:
    """What came of emptying the outbox, by channel."""

    sent: dict[str, int] = field(default_factory=dict)
    put_off: int = 0
    failed: int = 0

    def count(self, channel: str, number: int = 1) -> None:
        """Count what has left."""
        self.sent[channel] = self.sent.get(channel, 0) + number


def send_waiting(engine: Engine, settings: Settings, clock: Clock) -> Sent:
    """Send all that waits and is due; return what came of it."""
    result = Sent()
    _look_after_abandoned(engine, settings, clock)
    while _send_one_by_one(engine, settings, clock, result):
        pass
    while _print(engine, settings, clock, result):
        pass
    if result.sent or result.put_off or result.failed:
        log.info("deliveries-sent", **result.sent, put_off=result.put_off, failed=result.failed)
    return result


def _send_one_by_one(engine: Engine, settings: Settings, clock: Clock, result: Sent) -> int:
    with engine.begin() as connection:
        rows = repository.claim(connection, clock(), paper=False, limit=CLAIMED_AT_ONCE, batch=None)
    with ExitStack() as stack:
        mailer = _Mailer(settings, stack)
        for row in rows:
            try:
                with engine.connect() as connection:
                    parcel = parcel_of(connection, row)
                    email = repository.customer_of(connection, row.customer_id).email
                if row.channel == "email":
                    sent_as = mailer.send(parcel, email, clock())
                else:
                    path = outbox(settings, row.channel) / file_name(row.number, ".xml")
                    write_whole(path, xml_of(parcel))
                    sent_as = path.name
            except (*LASTING, *PASSING) as error:
                _not_sent(engine, row, error, clock(), result)
                continue
            with engine.begin() as connection:
                repository.sent(connection, [row.id], clock(), sent_as)
            result.count(row.channel)
    return len(rows)


class _Mailer:
    """One connection for all messages of a claim, made when the first is sent."""

    def __init__(self, settings: Settings, stack: ExitStack) -> None:
        self._settings = settings
        self._stack = stack
        self._server: smtplib.SMTP | None = None

    def send(self, parcel: Parcel, email: str | None, now: datetime) -> str:
        """Send a message and return its id."""
        made = mail.message(
            self._settings, parcel.document, email, pdf_of(parcel.document), key=f"delivery-{parcel.id}", now=now
        )
        if self._server is None:
            self._server = self._stack.enter_context(mail.connected(self._settings))
        try:
            self._server.send_message(made)
        except smtplib.SMTPServerDisconnected:
            self._server = None
            raise
        return str(made["Message-ID"])


def _print(engine: Engine, settings: Settings, clock: Clock, result: Sent) -> int:
    """Put documents on paper into one batch for the printer."""
    now = clock()
    batch = f"{now:%Y%m%dT%H%M%S%f}Z"
    with engine.begin() as connection:
        rows = repository.claim(connection, now, paper=True, limit=PRINTED_AT_ONCE, batch=batch)
    if not rows:
        return 0
    made, printed = [], []
    for row in rows:
        try:
            with engine.connect() as connection:
                parcel = parcel_of(connection, row)
            made.append((row.number, parcel.document.buyer.customer_no, pdf_of(parcel.document)))
            printed.append(row)
        except (*LASTING, *PASSING) as error:
            _not_sent(engine, row, error, clock(), result)
    if not made:
        return len(rows)
    try:
        name = _batch_name(batch)
        write_whole(outbox(settings, "paper") / name, print_batch(made))
    except PASSING as error:
        for row in printed:
            _not_sent(engine, row, error, clock(), result)
        return len(rows)
    with engine.begin() as connection:
        repository.sent(connection, [row.id for row in printed], clock(), name)
    result.count("paper", len(printed))
    return len(rows)


def _not_sent(engine: Engine, row: AnyRow, error: Exception, now: datetime, result: Sent) -> None:
    """Put a delivery off, or leave it to a clerk where time does not help or enough tries were made."""
    problem = _problem(error)
    with engine.begin() as connection:
        if isinstance(error, LASTING) or row.tries > len(PAUSES):
            repository.stop(connection, row.id, problem)
            result.failed += 1
        else:
            repository.put_off(connection, row.id, problem, now + PAUSES[row.tries - 1])
            result.put_off += 1
    log.warning("delivery-not-sent", delivery_id=row.id, channel=row.channel, error=type(error).__name__)


def _problem(error: Exception) -> str:
    """Return what went wrong and what to do, for the clerk; servers' own words may hold addresses."""
    if isinstance(error, MeterhubError):
        return error.detail
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return "the mail server refuses the customer's address: correct customer.email, then send again"
    if isinstance(error, ValueError):
        return "something in it cannot be written: look at the document for odd characters"
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return "the mail server refuses the login: check METERHUB_DELIVERY__SMTP_USER and its password"
    if isinstance(error, smtplib.SMTPResponseException):
        return f"the mail server answered with code {error.smtp_code}; it is tried again by itself"
    if isinstance(error, smtplib.SMTPException):
        return f"the mail server broke off ({type(error).__name__}); it is tried again by itself"
    return f"{getattr(error, 'strerror', None) or type(error).__name__}; it is tried again by itself"


def _look_after_abandoned(engine: Engine, settings: Settings, clock: Clock) -> None:
    """Decide on what a worker claimed and never came back to."""
    now = clock()
    with engine.begin() as connection:
        for row in repository.abandoned(connection, now, SILENT_FOR):
            if row.channel == "email":
                repository.stop(connection, row.id, UNCERTAIN, state="uncertain")
            elif row.batch and (outbox(settings, "paper") / _batch_name(row.batch)).exists():
                repository.sent(connection, [row.id], now, _batch_name(row.batch))
            else:
                repository.put_off(connection, row.id, "the worker stopped; it is tried again by itself", now)
            log.warning("delivery-abandoned", delivery_id=row.id, channel=row.channel)


def _batch_name(batch: str) -> str:
    return f"print-{batch}.zip"
