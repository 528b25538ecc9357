"""What-ifs as clerks start, follow and read them; nothing is billed or kept but the sums."""

import json
from collections.abc import Callable, Sequence
from datetime import date

from sqlalchemy import Connection, Engine, text

from meterhub.access.audit import record
from meterhub.access.principal import Principal
from meterhub.billing import repository
from meterhub.billing.whatif.pricing import YearlyPrices
from meterhub.billing.whatif.schemas import WhatIfOut, WhatIfRequest
from meterhub.billing.whatif.summing import Json
from meterhub.billing.whatif.trial import stored_prices, tried_prices, try_list
from meterhub.billing.whatif.usage import count_contracts
from meterhub.errors import MeterhubError, NotFound
from meterhub.kit import queue
from meterhub.kit.db import AnyRow
from meterhub.settings import Settings

TASK = "billing.what_if"


def start(connection: Connection, principal: Principal, request: WhatIfRequest, today: date) -> int:
    """Check and store a what-if and queue its job."""
    asked = request.model_copy(update={"against_on": request.against_on or today})
    both_lists(connection, asked, today)
    query = text("INSERT INTO what_if (asked, created_by) VALUES (CAST(:asked AS jsonb), :by) RETURNING id")
    values = {"asked": asked.model_dump_json(exclude_none=True), "by": principal.name}
    number = int(connection.execute(query, values).scalar_one())
    queue.defer(connection, TASK, {"what_if_id": number}, once=f"{TASK}:{number}")
    record(connection, principal, action="start-what-if", purpose="billing", subject=f"what-if:{number}")
    return number


def carry_out(engine: Engine, settings: Settings, what_if_id: int) -> None:
    """Rate everybody and store the sums; a fault of the lists is stored with it."""
    with engine.begin() as connection:
        row = connection.execute(_TAKE, {"id": what_if_id}).one_or_none()
    if row is None:
        return

    def progress(done: int) -> None:
        with engine.begin() as own:
            own.execute(_PROGRESS, {"id": what_if_id, "done": done})

    try:
        request = WhatIfRequest.model_validate(row.asked)
        with engine.connect() as connection:
            total = count_contracts(connection, request.year)
            with engine.begin() as own:
                own.execute(_TOTAL, {"id": what_if_id, "total": total})
            result = try_out(connection, settings, request, request.against_on or date.max, progress)
        with engine.begin() as connection:
            connection.execute(_FINISHED, {"id": what_if_id, "result": json.dumps(result), "total": total})
    except MeterhubError as error:
        with engine.begin() as connection:
            connection.execute(_FAILED, {"id": what_if_id, "problem": error.detail})
    except BaseException:
        with engine.begin() as connection:
            connection.execute(_FAILED, {"id": what_if_id, "problem": "an internal error; see the worker's log"})
        raise


def try_out(
    connection: Connection,
    settings: Settings,
    request: WhatIfRequest,
    today: date,
    progress: Callable[[int], None] = lambda _done: None,
) -> Json:
    """Return the sums of a what-if."""
    before, after = both_lists(connection, request, today)
    summary = try_list(connection, request.year, settings.tz, before, after, progress)
    return {"currency": after.currency, **summary.as_json()}


def both_lists(connection: Connection, request: WhatIfRequest, today: date) -> tuple[YearlyPrices, YearlyPrices]:
    """Return today's list and the one to try; raise NotFound, BadInput."""
    before = stored_prices(connection, request.against, request.against_on or today)
    if request.document is not None:
        return before, tried_prices(connection, request.document, request.on)
    assert request.tariff is not None
    day = request.on or repository.last_change(connection, request.tariff) or today
    return before, stored_prices(connection, request.tariff, day)


def find(connection: Connection, what_if_id: int) -> WhatIfOut:
    """Return a what-if; raise NotFound."""
    row = connection.execute(text(f"{_ALL} WHERE id = :id"), {"id": what_if_id}).one_or_none()
    if row is None:
        raise NotFound(f"there is no what-if {what_if_id}")
    return WhatIfOut.model_validate(row, from_attributes=True)


def recent(connection: Connection, *, before_id: int | None, limit: int) -> Sequence[AnyRow]:
    """Return what-ifs, newest first."""
    query = text(f"{_ALL} WHERE id < coalesce(:before, id + 1) ORDER BY id DESC LIMIT :limit")
    return connection.execute(query, {"before": before_id, "limit": limit}).all()


_ALL = (
    "SELECT id, state, asked, accounts_total, accounts_done, result, problem, created_at, created_by, finished_at "
    "FROM what_if"
)
_TAKE = text("UPDATE what_if SET state = 'running' WHERE id = :id AND state <> 'finished' RETURNING asked")
_TOTAL = text("UPDATE what_if SET accounts_total = :total WHERE id = :id")
_PROGRESS = text("UPDATE what_if SET accounts_done = :done WHERE id = :id")
_FINISHED = text(
    "UPDATE what_if SET state = 'finished', accounts_done = :total, result = CAST(:result AS jsonb), "
    "finished_at = now() WHERE id = :id"
)
_FAILED = text("UPDATE what_if SET state = 'failed', problem = :problem WHERE id = :id AND state = 'running'")
