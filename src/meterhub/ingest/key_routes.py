"""REST: does a key fit? Answers with counts only."""

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field, SecretStr

from meterhub.access.dependencies import ClockDep, EngineDep, SettingsDep, require
from meterhub.access.policy import Permission
from meterhub.access.principal import Principal
from meterhub.assets.schemas import Given, Manufacturer, Serial
from meterhub.assets.sealing import parse_key
from meterhub.assets.service import require_meter
from meterhub.ingest.key_check import Fit, KeyCheck, check_meter
from meterhub.ingest.key_status import KeyState, key_statuses
from meterhub.kit.paging import IdPage, Page, page_of

router = APIRouter(tags=["meters"])


class KeyToCheck(Given):
    """A key to try; without one, those in custody are tried."""

    key: SecretStr | None = Field(default=None, description="32 hex digits")
    days: int = Field(default=7, ge=1, le=90, description="how far back telegrams are looked at [days]")


class KeyFit(Given):
    """Whether keys open what was heard of a meter, in numbers of telegrams."""

    fit: Fit
    telegrams: int = Field(description="the newest that were heard, at most 100")
    opened: int
    opened_by_older: int = Field(description="not by the newest key, but by an older one in custody")
    not_opened: int
    plain: int
    unreadable: int = Field(description="damaged, or protected in a way that is not known")


class MeterKeyStatus(BaseModel):
    """What may be told of a meter's keys: that there are some, never which."""

    manufacturer: str
    serial: str
    model: str
    keys: int
    newest_at: datetime | None = Field(description="since when the newest key is kept")
    newest_by: str | None
    last_opened_at: datetime | None = Field(description="when the newest telegram was heard that could be read")
    key_missing: int = Field(description="telegrams that wait for a key")
    key_wrong: int = Field(description="telegrams that no key opens")


class KeySearchPage(IdPage):
    """Which meters' keys to list."""

    state: KeyState = KeyState.ALL
    search: str = Field(default="", max_length=20, description="how the serial begins")


@router.get("/keys/status", dependencies=[require(Permission.READ_KEY_STATUS)])
def list_key_status(
    engine: EngineDep,
    page: Annotated[KeySearchPage, Query()],
) -> Page[MeterKeyStatus]:
    """List which meters have a key, since when, and whether it opens what they send."""
    with engine.connect() as connection:
        rows = key_statuses(
            connection, state=page.state, search=page.search, after=page.after or 0, limit=page.limit + 1
        )
    shown, cursor = page_of(rows, page.limit, lambda row: row.id)
    return Page(items=[MeterKeyStatus(**dict(row._mapping)) for row in shown], next_cursor=cursor)


@router.post("/meters/{manufacturer}/{serial}/key/check")
def check_key(
    manufacturer: Manufacturer,
    serial: Serial,
    body: KeyToCheck,
    engine: EngineDep,
    settings: SettingsDep,
    clock: ClockDep,
    principal: Annotated[Principal, require(Permission.WRITE_KEYS)],
) -> KeyFit:
    """Try a key, before it is stored, on the telegrams of the last days; or those in custody."""
    key = parse_key(body.key.get_secret_value()) if body.key else None
    since = clock() - timedelta(days=body.days)
    with engine.begin() as connection:
        meter = require_meter(connection, manufacturer, serial)
        found = check_meter(connection, principal, settings, meter.id, since=since, key=key)
    return key_fit(found)


def key_fit(found: KeyCheck) -> KeyFit:
    """Return counts as they are shown."""
    return KeyFit(
        fit=found.fit,
        telegrams=found.telegrams,
        opened=found.opened,
        opened_by_older=found.opened_by_older,
        not_opened=found.not_opened,
        plain=found.plain,
        unreadable=found.unreadable,
    )
