"""REST: does a key fit? Answers with counts only."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter
from pydantic import Field, SecretStr

from meterhub.access.dependencies import ClockDep, EngineDep, SettingsDep, require
from meterhub.access.policy import Permission
from meterhub.access.principal import Principal
from meterhub.assets.schemas import Given, Manufacturer, Serial
from meterhub.assets.sealing import parse_key
from meterhub.assets.service import require_meter
from meterhub.ingest.key_check import Fit, KeyCheck, check_meter

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
