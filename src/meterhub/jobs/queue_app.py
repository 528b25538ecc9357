"""The queue's tasks: thin wrappers that bind the modules' own job functions to an engine and settings."""

import asyncio
import contextlib
from datetime import timedelta

import structlog
from procrastinate import App, JobContext, PsycopgConnector, RetryStrategy
from procrastinate.exceptions import AlreadyEnqueued
from sqlalchemy import Engine

from meterhub.alerts.jobs import detect
from meterhub.billing.delivery.jobs import send
from meterhub.billing.delivery.service import SEND
from meterhub.billing.jobs import PROPOSE, WHAT_IF, propose_dunning, run_billing, try_price_list
from meterhub.billing.runs.life import RUN
from meterhub.fleet.jobs import MEASURE, WATCH, measure_coverage, watch_fleet
from meterhub.ingest.history_jobs import FILL_HISTORY, fill_history
from meterhub.ingest.retry import retry
from meterhub.ingest.service import RETRY_TASK
from meterhub.jobs.rescue import rescue_stalled, tidy
from meterhub.kit.clock import Clock
from meterhub.kit.db import conninfo
from meterhub.readings.jobs import roll_up
from meterhub.readings.service import ROLL_UP
from meterhub.settings import Settings
from meterhub.store.upkeep import MAINTAIN, maintain
from meterhub.vee.jobs import NIGHTLY, check_arrivals, check_night

log = structlog.get_logger(__name__)

# Jobs fail when the database goes away under them; each is idempotent, so trying again is always right.
AGAIN = RetryStrategy(max_attempts=60, wait=10)
EVERY_MINUTE = "* * * * *"
EVERY_NIGHT = "20 1 * * *"
BEFORE_CHECKS = "50 0 * * *"
EVERY_MORNING = "23 4 * * *"
EVERY_HOUR = "7 * * * *"  # off the full hour, when reads come in and hours are derived


def make_queue(engine: Engine, settings: Settings, clock: Clock) -> App:
    """Return the queue with all tasks of meterhub registered."""
    queue = App(connector=PsycopgConnector(conninfo=conninfo(engine), kwargs={"connect_timeout": 10}))

    @queue.task(name=ROLL_UP, retry=AGAIN)
    def roll_up_task() -> None:
        """Derive the hours that are due, then look for leaks and check the reads in what changed."""
        for step in roll_up(engine):
            found = detect(engine, settings, list(step.changed_from), clock(), step.changed_from)
            log.info(
                "rolled-up",
                meters=len(step.changed_from),
                hours=step.hours,
                alerts_raised=found.raised,
                alerts_closed=found.closed,
                **check_arrivals(engine, settings, step.changed_from, clock()),
            )

    @queue.task(name=RETRY_TASK, retry=AGAIN)
    def retry_task(reason: str | None = None, meter_id: int | None = None, after_id: int = 0) -> None:
        """Try quarantined frames again."""
        for step in retry(engine, settings, reason=reason, meter_id=meter_id, after_id=after_id):
            log.info("quarantine-retried", tried=step.tried, read=step.read)

    @queue.periodic(cron=EVERY_HOUR)
    @queue.task(name=MAINTAIN, retry=AGAIN, queueing_lock=MAINTAIN)
    def maintain_task(timestamp: int) -> None:  # noqa: ARG001 - given by the schedule
        """Keep the store up: months ahead, sealing or policies, retention."""
        done = maintain(engine, settings, clock())
        log.info(
            "store-maintained",
            months_made=len(done.months),
            sealed=len(done.sealed),
            policies_changed=len(done.policies),
            parts_past_retention=len(done.expired),
            dropped=done.enforced,
        )

    @queue.periodic(cron=EVERY_MINUTE)
    @queue.task(name=WATCH, queueing_lock=WATCH)
    def watch_task(timestamp: int) -> None:  # noqa: ARG001 - given by the schedule
        """Raise and close alarms about gateways and silent meters."""
        watch_fleet(engine, clock())

    @queue.periodic(cron=EVERY_MINUTE)
    @queue.task(name=MEASURE, queueing_lock=MEASURE, lock=MEASURE)
    def measure_task(timestamp: int) -> None:  # noqa: ARG001 - given by the schedule
        """Measure who hears which meter, where it is due."""
        measure_coverage(engine, clock())

    _add_checks(queue, engine, settings, clock)

    @queue.periodic(cron=EVERY_MINUTE)
    @queue.task(name="jobs.rescue", pass_context=True, queueing_lock="jobs.rescue")
    async def rescue_task(context: JobContext, timestamp: int) -> None:  # noqa: ARG001 - given by the schedule
        """Give work that was lost back to the queue, and catch up on hours that nobody asked for."""
        await rescue_stalled(context.app.job_manager, timedelta(seconds=30))
        await asyncio.to_thread(tidy, engine)
        with contextlib.suppress(AlreadyEnqueued):
            await roll_up_task.configure(queueing_lock=ROLL_UP).defer_async()

    _add_billing(queue, engine, settings, clock)
    return queue


def _add_billing(queue: App, engine: Engine, settings: Settings, clock: Clock) -> None:
    """Register the tasks of billing."""

    @queue.task(name=RUN, retry=AGAIN)
    def billing_task(run_id: int) -> None:
        """Rate and issue the invoices of a run, from where it stopped."""
        run_billing(engine, settings, run_id)
        log.info("billing-run-finished", run_id=run_id)

    @queue.task(name=WHAT_IF, retry=AGAIN)
    def what_if_task(what_if_id: int) -> None:
        """Try a price list on a past year's use of everyone."""
        try_price_list(engine, settings, what_if_id)
        log.info("what-if-finished", what_if_id=what_if_id)

    @queue.periodic(cron=EVERY_MORNING)
    @queue.task(name=PROPOSE, queueing_lock=PROPOSE)
    def propose_task(timestamp: int) -> None:  # noqa: ARG001 - given by the schedule
        """Tell how much is due to be reminded of and handed over; people decide and do it."""
        log.info("dunning-proposed", **propose_dunning(engine, settings, clock()))

    @queue.periodic(cron=EVERY_MINUTE)
    @queue.task(name=SEND, queueing_lock=SEND, retry=AGAIN)
    def send_task(timestamp: int = 0) -> None:  # noqa: ARG001 - given by the schedule
        """Send documents that wait, and those whose next try is due."""
        send(engine, settings, clock)


def _add_checks(queue: App, engine: Engine, settings: Settings, clock: Clock) -> None:
    """Register the work of the night on reads: registers of the past first, then the checks."""

    @queue.periodic(cron=BEFORE_CHECKS)
    @queue.task(name=FILL_HISTORY, retry=AGAIN, queueing_lock=FILL_HISTORY)
    def fill_history_task(timestamp: int = 0, meter_id: int | None = None) -> None:  # noqa: ARG001 - as scheduled
        """Fill gaps with dated registers from telegrams, of all meters or of one."""
        for step in fill_history(engine, settings, clock(), meter_id=meter_id):
            log.info("history-filled", meters=step.meters, reads=step.reads)

    @queue.periodic(cron=EVERY_NIGHT)
    @queue.task(name=NIGHTLY, retry=AGAIN, queueing_lock=NIGHTLY)
    def check_night_task(timestamp: int) -> None:  # noqa: ARG001 - given by the schedule
        """Check what changed of all meters, from where it stopped."""
        for counts in check_night(engine, settings, clock()):
            log.info("checked", **counts)
