"""REST for reminders, interest, collection and disconnection; each batch has a preview on the same path."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from sqlalchemy import Connection, text

from meterhub.access.audit import record
from meterhub.access.dependencies import EngineDep, SettingsDep, require
from meterhub.access.policy import Permission
from meterhub.access.principal import Principal
from meterhub.billing.documents.letters import letter_from_json
from meterhub.billing.dunning import collection, disconnection, events, interest, rates, reminders
from meterhub.billing.dunning.schemas import (
    BatchOut,
    BatchRequest,
    ClosesFrom,
    ContractStep,
    CourseOut,
    EventOut,
    FeeIn,
    InterestOut,
    InterestRequest,
    Ordered,
    OrderRequest,
    RateIn,
    StepsOut,
    TakeBack,
    interest_out,
    steps_out,
)
from meterhub.billing.dunning.steps import Step
from meterhub.billing.paper.render import letter_pdf
from meterhub.errors import NotFound
from meterhub.kit.paging import IdPage, Page, page_of

router = APIRouter(prefix="/billing/dunning", tags=["billing"])

Reader = Annotated[Principal, require(Permission.READ_INVOICES)]
Clerk = Annotated[Principal, require(Permission.RUN_BILLING)]
_PDF: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/pdf": {}}, "description": "The letter as printed."}
}
_CSV: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/csv": {}}, "description": "The claims, one a row."}
}


@router.post("/reminders/preview")
def preview_reminders(body: BatchRequest, engine: EngineDep, settings: SettingsDep, principal: Clerk) -> StepsOut:
    """Tell who would be reminded and what that costs; nothing is sent."""
    with engine.begin() as connection:
        record(connection, principal, action="preview-reminders", purpose="billing")
        return steps_out(reminders.propose(connection, settings, body.as_of, at_least=body.at_least))


@router.post("/reminders")
def send_reminders(body: BatchRequest, engine: EngineDep, settings: SettingsDep, principal: Clerk) -> StepsOut:
    """Remind of what is due; again does nothing. 409 if it is not what the preview showed."""
    with engine.begin() as connection:
        batch, sent = reminders.remind(
            connection, settings, principal, body.as_of, at_least=body.at_least, expected=body.expected
        )
        return steps_out(sent, batch)


@router.post("/interest/preview")
def preview_interest(
    body: InterestRequest, engine: EngineDep, settings: SettingsDep, principal: Clerk
) -> InterestOut:
    """Tell what interest would be billed; nothing is issued."""
    with engine.begin() as connection:
        record(connection, principal, action="preview-interest", purpose="billing")
        return interest_out(interest.propose(connection, settings, body.until, minimum=body.minimum))


@router.post("/interest")
def charge_interest(
    body: InterestRequest, engine: EngineDep, settings: SettingsDep, principal: Clerk
) -> InterestOut:
    """Issue interest invoices; no day is billed twice. 409 if it is not what the preview showed."""
    with engine.begin() as connection:
        issued, proposed = interest.charge(
            connection,
            settings,
            principal,
            body.until,
            body.issued_on,
            minimum=body.minimum,
            expected=body.expected,
        )
        return interest_out(proposed, [one.number for one in issued])


@router.post("/collection/preview")
def preview_collection(body: BatchRequest, engine: EngineDep, settings: SettingsDep, principal: Clerk) -> StepsOut:
    """Tell which claims would be handed over; nothing is."""
    with engine.begin() as connection:
        record(connection, principal, action="preview-collection", purpose="billing")
        wanted = (Step.COLLECTION,)
        return steps_out(reminders.propose(connection, settings, body.as_of, wanted, at_least=body.at_least))


@router.post("/collection")
def hand_over(body: BatchRequest, engine: EngineDep, settings: SettingsDep, principal: Clerk) -> StepsOut:
    """Hand over what was reminded of in vain; the batch has the file."""
    with engine.begin() as connection:
        batch, done = collection.hand_over(
            connection, settings, principal, body.as_of, at_least=body.at_least, expected=body.expected
        )
        return steps_out(done, batch)


@router.post("/collection/{invoice}/take-back", status_code=204)
def take_back(invoice: str, body: TakeBack, engine: EngineDep, principal: Clerk) -> None:
    """Take a claim back from the collector."""
    with engine.begin() as connection:
        collection.take_back(connection, principal, invoice, body.on, body.reason)


@router.get("/batches")
def list_batches(engine: EngineDep, page: Annotated[IdPage, Query()], principal: Reader) -> Page[BatchOut]:
    """List batches, newest first."""
    with engine.connect() as connection:
        rows = events.batches(connection, before_id=page.after, limit=page.limit + 1)
    shown, cursor = page_of(rows, page.limit, lambda row: row.id)
    return Page(items=[BatchOut.model_validate(row, from_attributes=True) for row in shown], next_cursor=cursor)


@router.get("/batches/{batch_id}/collection.csv", response_class=Response, responses=_CSV)
def read_collection_file(batch_id: int, engine: EngineDep, principal: Clerk) -> Response:
    """Return the file for the collector; the same each time."""
    with engine.begin() as connection:
        content = collection.collection_file(connection, batch_id)
        record(
            connection,
            principal,
            action="read-collection-file",
            purpose="billing",
            subject=f"dunning-batch:{batch_id}",
        )
    headers = {"Content-Disposition": f'attachment; filename="collection-{batch_id}.csv"'}
    return Response(content, media_type="text/csv; charset=utf-8", headers=headers)


@router.get("/events")
def list_events(
    engine: EngineDep,
    page: Annotated[IdPage, Query()],
    principal: Reader,
    customer: str | None = None,
    batch: int | None = None,
) -> Page[EventOut]:
    """List steps that were taken, newest first: of a customer (number) or a batch; logged."""
    with engine.begin() as connection:
        customer_id = None if customer is None else _customer_id(connection, customer)
        rows = events.events(
            connection, customer_id=customer_id, batch_id=batch, before_id=page.after, limit=page.limit + 1
        )
        subject = f"customer:{customer}" if customer else ""
        record(connection, principal, action="list-dunning-events", purpose="billing", subject=subject)
    shown, cursor = page_of(rows, page.limit, lambda row: row.id)
    return Page(items=[EventOut.model_validate(row, from_attributes=True) for row in shown], next_cursor=cursor)


@router.get("/events/{event_id}/letter.pdf", response_class=Response, responses=_PDF)
def read_letter(event_id: int, engine: EngineDep, principal: Reader) -> Response:
    """Return the letter of a step as PDF; the same each time."""
    with engine.begin() as connection:
        pdf = letter(connection, event_id)
        record(
            connection, principal, action="read-dunning-letter", purpose="billing", subject=f"dunning:{event_id}"
        )
    return Response(pdf, media_type="application/pdf")


def letter(connection: Connection, event_id: int) -> bytes:
    """Return the letter of a step as PDF; raise NotFound."""
    found = events.event(connection, event_id)
    if found is None or "letter" not in found.detail:
        raise NotFound(f"there is no letter of a dunning step {event_id}")
    return letter_pdf(letter_from_json(found.detail["letter"]))


@router.get("/disconnections")
def list_disconnections(engine: EngineDep, settings: SettingsDep, principal: Reader) -> list[CourseOut]:
    """List contracts whose water is warned of, ordered closed, or closed."""
    with engine.begin() as connection:
        record(connection, principal, action="list-disconnections", purpose="billing")
        found = disconnection.courses(connection, settings)
    return [CourseOut.model_validate(one, from_attributes=True) for one in found]


@router.post("/disconnections/{contract_no}/warning")
def warn(
    contract_no: str, body: ContractStep, engine: EngineDep, settings: SettingsDep, principal: Clerk
) -> ClosesFrom:
    """Warn that the water will be closed; returns the first lawful day."""
    with engine.begin() as connection:
        return ClosesFrom(closes_from=disconnection.warn(connection, settings, principal, contract_no, body.on))


@router.post("/disconnections/{contract_no}/hardship")
def report_hardship(
    contract_no: str, body: ContractStep, engine: EngineDep, settings: SettingsDep, principal: Clerk
) -> ClosesFrom:
    """Note illness, unemployment or the like: the waiting time is longer."""
    with engine.begin() as connection:
        day = disconnection.report_hardship(connection, settings, principal, contract_no, body.on, body.reason)
    return ClosesFrom(closes_from=day)


@router.post("/disconnections/{contract_no}/order")
def order(
    contract_no: str, body: OrderRequest, engine: EngineDep, settings: SettingsDep, principal: Clerk
) -> Ordered:
    """Order the water closed after the waiting time and bill the fees; 409 before that day."""
    with engine.begin() as connection:
        issued = disconnection.order(
            connection,
            settings,
            principal,
            contract_no,
            body.on,
            tariff=body.tariff,
            products_charged=body.products,
        )
    return Ordered(invoice=issued.number if issued else None)


@router.post("/disconnections/{contract_no}/closed", status_code=204)
def note_closed(contract_no: str, body: ContractStep, engine: EngineDep, principal: Clerk) -> None:
    """Note that the water was closed on an order."""
    with engine.begin() as connection:
        disconnection.note_closed(connection, principal, contract_no, body.on, body.reason)


@router.post("/disconnections/{contract_no}/reconnection", status_code=204)
def reconnect(contract_no: str, body: ContractStep, engine: EngineDep, principal: Clerk) -> None:
    """Note that the water was opened; 409 while anything is open."""
    with engine.begin() as connection:
        disconnection.reconnect(connection, principal, contract_no, body.on, body.reason)


@router.post("/disconnections/{contract_no}/withdrawal", status_code=204)
def withdraw(contract_no: str, body: ContractStep, engine: EngineDep, principal: Clerk) -> None:
    """Take a warning or an order back."""
    with engine.begin() as connection:
        disconnection.withdraw(connection, principal, contract_no, body.on, body.reason)


@router.post("/interest-rates", status_code=204)
def add_rate(
    body: RateIn, engine: EngineDep, principal: Annotated[Principal, require(Permission.WRITE_TARIFFS)]
) -> None:
    """Add the rate of a half-year, or correct one; interest that was billed stays as it is."""
    with engine.begin() as connection:
        rates.add_interest_rate(connection, principal, **body.model_dump())


@router.post("/fees", status_code=204)
def add_fee(
    body: FeeIn, engine: EngineDep, principal: Annotated[Principal, require(Permission.WRITE_TARIFFS)]
) -> None:
    """Add a fee from a day on."""
    with engine.begin() as connection:
        rates.add_fee(connection, principal, **body.model_dump())


def _customer_id(connection: Connection, customer_no: str) -> int:
    query = text("SELECT id FROM customer WHERE customer_no = :no")
    found = connection.execute(query, {"no": customer_no}).scalar_one_or_none()
    if found is None:
        raise NotFound(f"there is no customer {customer_no!r}")
    return int(found)
