"""REST for self-reading campaigns and for reads that customers tell clerks."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from meterhub.access.audit import record
from meterhub.access.dependencies import ClockDep, EngineDep, SettingsDep, require
from meterhub.access.policy import Permission
from meterhub.access.principal import Principal
from meterhub.billing.self_reading import repository, service
from meterhub.billing.self_reading.schemas import (
    CampaignIn,
    CampaignOut,
    RemindedOut,
    RemindIn,
    ReportIn,
    ReportOut,
    RequestOut,
)
from meterhub.billing.self_reading.service import Outcome
from meterhub.kit.money import ml_as_m3
from meterhub.kit.paging import IdPage, Page, page_of
from meterhub.kit.units import ML_PER_M3

router = APIRouter(prefix="/billing/self-readings", tags=["billing"])

Reader = Annotated[Principal, require(Permission.READ_CUSTOMERS)]
Clerk = Annotated[Principal, require(Permission.RUN_BILLING)]


@router.post("/campaigns", status_code=201)
def start_campaign(body: CampaignIn, engine: EngineDep, settings: SettingsDep, principal: Clerk) -> CampaignOut:
    """Ask customers to read their meters; each gets a code for the page that needs no login."""
    with engine.begin() as connection:
        campaign_id = service.start_campaign(
            connection,
            settings,
            principal,
            name=body.name,
            asked_on=body.asked_on,
            due_on=body.due_on,
            group=body.billing_group,
            unread_days=body.unread_days,
        )
        return CampaignOut.model_validate(service.find_campaign(connection, campaign_id), from_attributes=True)


@router.get("/campaigns")
def list_campaigns(engine: EngineDep, page: Annotated[IdPage, Query()], principal: Reader) -> Page[CampaignOut]:
    """List campaigns and how many have answered, newest first."""
    with engine.connect() as connection:
        rows = repository.campaigns(connection, before_id=page.after, limit=page.limit + 1)
    shown, cursor = page_of(rows, page.limit, lambda row: row.id)
    return Page(items=[CampaignOut.model_validate(row, from_attributes=True) for row in shown], next_cursor=cursor)


@router.get("/campaigns/{campaign_id}/requests")
def list_requests(
    campaign_id: int,
    engine: EngineDep,
    page: Annotated[IdPage, Query()],
    principal: Reader,
    *,
    open_only: bool = False,
) -> Page[RequestOut]:
    """List whom a campaign asked; logged."""
    with engine.begin() as connection:
        service.find_campaign(connection, campaign_id)
        rows = repository.requests(
            connection, campaign_id, open_only=open_only, after_id=page.after, limit=page.limit + 1
        )
        subject = f"self-reading:{campaign_id}"
        record(connection, principal, action="list-self-reading-requests", purpose="billing", subject=subject)
    shown, cursor = page_of(rows, page.limit, lambda row: row.id)
    return Page(items=[RequestOut.model_validate(row, from_attributes=True) for row in shown], next_cursor=cursor)


@router.get(
    "/campaigns/{campaign_id}/letters.csv",
    response_class=Response,
    responses={200: {"content": {"text/csv": {}}, "description": "Addresses and codes, one a row."}},
)
def read_letters(campaign_id: int, engine: EngineDep, principal: Clerk, *, open_only: bool = False) -> Response:
    """Return whom to write to, with their codes: all, or those who have not answered; logged."""
    with engine.begin() as connection:
        content = service.letters_file(connection, campaign_id, open_only=open_only)
        subject = f"self-reading:{campaign_id}"
        record(connection, principal, action="read-self-reading-codes", purpose="billing", subject=subject)
    headers = {"Content-Disposition": f'attachment; filename="self-reading-{campaign_id}.csv"'}
    return Response(content, media_type="text/csv; charset=utf-8", headers=headers)


@router.post("/campaigns/{campaign_id}/remind")
def remind(campaign_id: int, body: RemindIn, engine: EngineDep, principal: Clerk) -> RemindedOut:
    """Note those who have not answered as reminded, each once."""
    with engine.begin() as connection:
        return RemindedOut(reminded=service.remind(connection, principal, campaign_id, body.on))


@router.post("/reports")
def report(
    body: ReportIn, engine: EngineDep, settings: SettingsDep, clock: ClockDep, principal: Clerk
) -> ReportOut:
    """Take a read that a customer told; what is unusual is taken with `confirmed` only."""
    with engine.begin() as connection:
        outcome = service.report_by_clerk(
            connection,
            settings,
            principal,
            body.contract_no,
            int(body.volume_m3 * ML_PER_M3),
            body.read_on,
            clock(),
            confirmed=body.confirmed,
        )
    return report_out(outcome)


def report_out(outcome: Outcome) -> ReportOut:
    """Return a judgement as it is shown."""
    judged = outcome.judged
    return ReportOut(
        verdict=judged.verdict.value,
        taken=outcome.taken,
        needs_confirmation=judged.needs_confirmation,
        used_m3=None if judged.used_ml is None else ml_as_m3(judged.used_ml),
        expected_m3=None if judged.expected_ml is None else ml_as_m3(judged.expected_ml),
        suggested_m3=None if judged.suggested_ml is None else ml_as_m3(judged.suggested_ml),
    )
