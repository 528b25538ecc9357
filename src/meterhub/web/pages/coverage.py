"""Coverage: which gateway hears how many meters how well, what is badly heard, what hangs on one gateway."""

from collections.abc import Mapping
from datetime import UTC
from typing import Annotated

from fastapi import Query, Request, Response

from meterhub.access.dependencies import ClockDep, EngineDep
from meterhub.access.policy import Permission
from meterhub.access.principal import Principal
from meterhub.fleet import coverage_views
from meterhub.fleet.coverage_views import GOOD_SHARE, POOR_SHARE
from meterhub.kit.paging import page_of
from meterhub.kit.small_charts import shaded_table
from meterhub.web.page_route import page_router
from meterhub.web.pictures import NARROW, WIDE
from meterhub.web.render import render
from meterhub.web.security import page

router = page_router()

SPANS = (1, 7)
ROWS = 50
WEAKEST_DBM, STRONGEST_DBM, STEP_DBM = -115, -40, 5
TENTHS = tuple(f"{tenth * 10}" for tenth in range(10))


@router.get("/coverage")
def show(
    request: Request,
    engine: EngineDep,
    clock: ClockDep,
    principal: Annotated[Principal, page(Permission.READ_POINTS)],
    days: int = SPANS[0],
    gateway: Annotated[str, Query(max_length=100)] = "",
    gaps_after: Annotated[str | None, Query(max_length=60)] = None,
    fragile_after: Annotated[str | None, Query(max_length=60)] = None,
) -> Response:
    """Show the town's reception; with `gateway` the meters that only this one hears."""
    now = clock()
    days = days if days in SPANS else SPANS[0]
    with engine.connect() as connection:
        day = coverage_views.newest_day(connection, now.astimezone(UTC).date())
        # of one day it was kept when the day was measured
        summary = coverage_views.stored_summary(connection, day) if days == 1 else None
        if summary is None:
            summary = coverage_views.summarise(connection, day, days, now=now)
        gaps, fragile = summary.gaps, summary.fragile
        if gaps_after is not None:
            gaps = coverage_views.gaps(connection, day, days, now=now, after=gaps_after, limit=ROWS + 1)
        if fragile_after is not None or gateway:
            fragile = coverage_views.fragile(
                connection, day, days, now=now, after=fragile_after, limit=ROWS + 1, gateway=gateway or None
            )
    values = {
        "days": days,
        "spans": SPANS,
        "day": day,
        "gateway": gateway,
        "counts": summary.counts,
        "gateways": summary.gateways,
        "streets": summary.streets,
        "good": round(GOOD_SHARE * 100),
        "poor": round(POOR_SHARE * 100),
    }
    values["gaps"], values["gaps_cursor"] = page_of(gaps, ROWS, lambda row: row.point_code)
    values["fragile"], values["fragile_cursor"] = page_of(fragile, ROWS, lambda row: row.point_code)
    steps = range(WEAKEST_DBM, STRONGEST_DBM + 1, STEP_DBM)
    values["shares"] = _two_sizes(
        "shares",
        "Meters by the share of their telegrams that a gateway hears, in tenths from 0 to 100 %",
        {name: [cells.get(tenth, 0) for tenth in range(10)] for name, cells in summary.shares.items()},
        TENTHS,
    )
    values["strengths"] = _two_sizes(
        "strengths",
        "Meters by the strength with which a gateway hears them, in steps of 5 dBm",
        {name: [_clamped(cells, step) for step in steps] for name, cells in summary.strengths.items()},
        [str(step) for step in steps],
    )
    return render(request, "coverage.html", values, principal=principal)


def _clamped(cells: Mapping[int, int], step: int) -> int:
    """Return the count of a step; the outermost hold what lies beyond."""
    if step == WEAKEST_DBM:
        return sum(count for dbm, count in cells.items() if dbm <= step)
    if step == STRONGEST_DBM:
        return sum(count for dbm, count in cells.items() if dbm >= step)
    return cells.get(step, 0)


def _two_sizes(name: str, title: str, rows: Mapping[str, list[int]], heads: tuple[str, ...] | list[str]) -> str:
    told = "; ".join(f"{gateway}: {sum(counts)} meters" for gateway, counts in rows.items())
    wide, narrow = (
        shaded_table(rows, heads, name=f"{name}-{kind}", title=title, description=told, width=width)
        for kind, width in (("wide", WIDE), ("narrow", NARROW))
    )
    return f'<div class="wide">{wide}</div><div class="narrow">{narrow}</div>'
