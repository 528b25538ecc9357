"""Self-reading: campaigns for clerks, and the page on which customers report with a code and no login."""

from datetime import date
from typing import Annotated, Any

from fastapi import Depends, Form, Query, Request, Response

from meterhub.access import audit
from meterhub.access.dependencies import ClockDep, EngineDep, SettingsDep
from meterhub.access.policy import Permission
from meterhub.access.principal import Principal
from meterhub.billing.self_reading import repository, service
from meterhub.billing.self_reading.plausibility import Judged
from meterhub.billing.self_reading.words import WORDS
from meterhub.errors import Conflict, NotFound, TooManyTries
from meterhub.kit.db import AnyRow
from meterhub.kit.money import ml_as_m3
from meterhub.kit.paging import page_of
from meterhub.web.page_route import page_router, see_other
from meterhub.web.render import render
from meterhub.web.security import own_form, page

router = page_router()

ROWS = 50
UNKNOWN_ADDRESS = "unknown"
# Before a code is known, nobody's language is: the country's.
LANGUAGE_OF = {"FI": "fi", "NO": "nb"}


@router.get("/self-readings")
def show_campaigns(
    request: Request,
    engine: EngineDep,
    settings: SettingsDep,
    clock: ClockDep,
    principal: Annotated[Principal, page(Permission.READ_CUSTOMERS)],
) -> Response:
    """List campaigns and how many have answered."""
    with engine.connect() as connection:
        rows = repository.campaigns(connection)
    values = {"campaigns": rows, "today": clock().astimezone(settings.tz).date()}
    return render(request, "self_readings.html", values, principal=principal)


@router.post("/self-readings", dependencies=[Depends(own_form)])
def start(
    engine: EngineDep,
    settings: SettingsDep,
    principal: Annotated[Principal, page(Permission.RUN_BILLING)],
    name: Annotated[str, Form(min_length=1, max_length=100)],
    asked_on: Annotated[date, Form()],
    due_on: Annotated[date, Form()],
    billing_group: Annotated[str, Form(max_length=60)] = "",
    unread_days: Annotated[int, Form(ge=0, le=3650)] = 300,
) -> Response:
    """Ask for reads."""
    with engine.begin() as connection:
        campaign_id = service.start_campaign(
            connection,
            settings,
            principal,
            name=name,
            asked_on=asked_on,
            due_on=due_on,
            group=billing_group.strip() or None,
            unread_days=unread_days,
        )
    return see_other(f"/self-readings/{campaign_id}")


@router.get("/self-readings/{campaign_id}")
def show_campaign(
    request: Request,
    campaign_id: int,
    engine: EngineDep,
    settings: SettingsDep,
    clock: ClockDep,
    principal: Annotated[Principal, page(Permission.READ_CUSTOMERS)],
    after: Annotated[int | None, Query(ge=0)] = None,
) -> Response:
    """Show a campaign: who has not answered; logged."""
    with engine.begin() as connection:
        campaign = service.find_campaign(connection, campaign_id)
        rows = repository.requests(connection, campaign_id, open_only=True, after_id=after, limit=ROWS + 1)
        subject = f"self-reading:{campaign_id}"
        audit.record(
            connection, principal, action="list-self-reading-requests", purpose="billing", subject=subject
        )
    shown, cursor = page_of(rows, ROWS, lambda row: row.id)
    today = clock().astimezone(settings.tz).date()
    values = {"campaign": campaign, "requests": shown, "cursor": cursor, "today": today}
    return render(request, "self_reading.html", values, principal=principal)


@router.post("/self-readings/{campaign_id}/remind", dependencies=[Depends(own_form)])
def remind(
    campaign_id: int,
    engine: EngineDep,
    principal: Annotated[Principal, page(Permission.RUN_BILLING)],
    on: Annotated[date, Form()],
) -> Response:
    """Note those who have not answered as reminded."""
    with engine.begin() as connection:
        service.remind(connection, principal, campaign_id, on)
    return see_other(f"/self-readings/{campaign_id}")


@router.get("/self-readings/{campaign_id}/letters.csv")
def show_letters(
    campaign_id: int,
    engine: EngineDep,
    principal: Annotated[Principal, page(Permission.RUN_BILLING)],
    *,
    open_only: bool = False,
) -> Response:
    """Give addresses and codes for letters; logged."""
    with engine.begin() as connection:
        content = service.letters_file(connection, campaign_id, open_only=open_only)
        subject = f"self-reading:{campaign_id}"
        audit.record(connection, principal, action="read-self-reading-codes", purpose="billing", subject=subject)
    headers = {
        "Content-Disposition": f'attachment; filename="self-reading-{campaign_id}.csv"',
        "Cache-Control": "no-store",
    }
    return Response(content, media_type="text/csv; charset=utf-8", headers=headers)


@router.get("/read")
def ask_code(request: Request, settings: SettingsDep, code: Annotated[str, Query(max_length=60)] = "") -> Response:
    """Ask for the code of the letter."""
    typed = "-".join(code.split())
    if typed and all(one.isalnum() or one == "-" for one in typed):
        return see_other(f"/read/{typed}")
    return _code_form(request, settings.country)


@router.get("/read/{code}")
def ask_read(request: Request, code: str, engine: EngineDep, settings: SettingsDep, clock: ClockDep) -> Response:
    """Ask for the register of the meter that the code is for."""
    try:
        asked = service.open_request(engine, settings, code, _address(request), clock())
    except (NotFound, TooManyTries) as error:
        return _code_form(request, settings.country, error)
    with engine.connect() as connection:
        today = clock().astimezone(settings.tz).date()
        meter, _ = service.known_of(connection, settings, asked.metering_point_id, asked.contract_id, today)
    return _form(request, asked, meter, code, {"read_on": today.isoformat()})


@router.post("/read/{code}", dependencies=[Depends(own_form)])
def take_read(
    request: Request,
    code: str,
    engine: EngineDep,
    settings: SettingsDep,
    clock: ClockDep,
    volume: Annotated[str, Form(max_length=40)],
    read_on: Annotated[date, Form()],
    confirmed: Annotated[bool, Form()] = False,
) -> Response:
    """Take a register; what is unusual comes back with the reason and is taken when it is confirmed."""
    try:
        asked = service.open_request(engine, settings, code, _address(request), clock())
    except (NotFound, TooManyTries) as error:
        return _code_form(request, settings.country, error)
    words = WORDS[asked.language]
    with engine.connect() as connection:
        meter, _ = service.known_of(connection, settings, asked.metering_point_id, asked.contract_id, read_on)
    entered = {"volume": volume, "read_on": read_on.isoformat()}
    volume_ml = service.volume_of(volume)
    if volume_ml is None:
        return _form(request, asked, meter, code, entered, problem=words["not_number"])
    try:
        with engine.begin() as connection:
            outcome = service.report_by_code(
                connection, settings, code, volume_ml, read_on, clock(), confirmed=confirmed
            )
    except Conflict:
        return _form(request, asked, meter, code, entered, done=words["answered"])
    except TooManyTries as error:
        return _form(request, asked, meter, code, entered, problem=error.detail)
    if outcome.taken:
        return _form(request, asked, meter, code, entered, done=words["thanks"])
    problem = _told(outcome.judged, words)
    return _form(request, asked, meter, code, entered, problem=problem, confirm=outcome.judged.needs_confirmation)


def _told(judged: Judged, words: dict[str, str]) -> str:
    used = "" if judged.used_ml is None else f"{ml_as_m3(judged.used_ml):.0f}"
    expected = "" if judged.expected_ml is None else f"{ml_as_m3(judged.expected_ml):.0f}"
    told = words[judged.verdict.value].format(used=used, expected=expected)
    if judged.suggested_ml is None:
        return told
    suggested = f"{ml_as_m3(judged.suggested_ml):.3f}".replace(".", ",")
    return f"{told} {words['suggest'].format(suggested=suggested)}"


def _form(
    request: Request,
    asked: AnyRow,
    meter: AnyRow | None,
    code: str,
    entered: dict[str, str],
    *,
    problem: str = "",
    confirm: bool = False,
    done: str = "",
) -> Response:
    words = WORDS[asked.language]
    if not done and asked.answered_at is not None:
        done = words["answered"]
    values: dict[str, Any] = {
        "w": words,
        "language": asked.language,
        "asked": asked,
        "meter": meter,
        "code": code,
        "entered": entered,
        "problem": problem,
        "confirm": confirm,
        "done": done,
    }
    return render(request, "read_own.html", values)


def _code_form(request: Request, country: str, error: NotFound | TooManyTries | None = None) -> Response:
    language = LANGUAGE_OF[country]
    words = WORDS[language]
    problem = "" if error is None else words["unknown"] if isinstance(error, NotFound) else error.detail
    values = {"w": words, "language": language, "problem": problem}
    return render(request, "read_code.html", values, status=200 if error is None else error.status)


def _address(request: Request) -> str:
    return request.client.host if request.client else UNKNOWN_ADDRESS
