"""REST: exports as streams."""

from collections.abc import Iterator
from datetime import date
from itertools import chain
from threading import BoundedSemaphore
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime, Field

from meterhub.access.dependencies import EngineDep, SettingsDep, require
from meterhub.access.policy import Permission
from meterhub.access.principal import Principal
from meterhub.errors import Busy
from meterhub.kit.table_files import Format
from meterhub.readings.export.queries import What
from meterhub.readings.export.service import prepare, write

router = APIRouter(prefix="/api/v1/exports", tags=["readings"])

# Instants first: one at midnight would pass for a day.
DayOrInstant = Annotated[AwareDatetime | date, Field(union_mode="left_to_right")]
# Each holds a database connection as long as its caller takes to read; the others are for everybody else.
AT_ONCE = 3
_free = BoundedSemaphore(AT_ONCE)


@router.get(
    "/{what}",
    response_class=StreamingResponse,
    responses={200: {"content": {form.media_type: {} for form in Format}}},
)
def export(
    what: What,
    engine: EngineDep,
    settings: SettingsDep,
    principal: Annotated[Principal, require(Permission.EXPORT_READINGS)],
    since: Annotated[DayOrInstant, Query(alias="from", description="a local day, or an instant")],
    until: Annotated[DayOrInstant, Query(description="not included")],
    purpose: Annotated[str, Query(pattern=r"^[a-z][a-z0-9-]{2,39}$", examples=["leak-detection"])],
    point: Annotated[list[str], Query(description="codes of metering points; without any, all")] = [],  # noqa: B006
    form: Annotated[Format, Query(alias="format")] = Format.CSV,
) -> StreamingResponse:
    """Stream hours, daily sums or reads of any span, in order of point and time.

    What is asked for is logged with its purpose. An answer that breaks off before its end is incomplete.
    """
    with engine.begin() as connection:
        asked = prepare(
            connection,
            principal,
            what=what,
            form=form,
            span=(since, until),
            zone=settings.tz,
            codes=point,
            purpose=purpose,
        )
    if not _free.acquire(blocking=False):
        raise Busy(f"{AT_ONCE} exports are under way already; try again when one has ended")
    chunks = _released_at_the_end(write(engine, asked))
    first = next(chunks, b"")  # what fails at once is told as an error, not as an empty file
    headers = {"Content-Disposition": f'attachment; filename="{what}.{form}"', "Cache-Control": "no-store"}
    return StreamingResponse(chain([first], chunks), media_type=form.media_type, headers=headers)


def _released_at_the_end(chunks: Iterator[bytes]) -> Iterator[bytes]:
    try:
        yield from chunks
    finally:
        _free.release()
