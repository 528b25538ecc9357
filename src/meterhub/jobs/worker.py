"""The worker process: runs the queue, and comes back when the database does."""

import asyncio
from datetime import timedelta

import psycopg
import structlog
from procrastinate.exceptions import ConnectorException
from psycopg_pool import PoolTimeout
from sqlalchemy import Engine

from meterhub.jobs.queue_app import make_queue
from meterhub.jobs.rescue import rescue_stalled
from meterhub.kit.clock import Clock
from meterhub.settings import Settings

log = structlog.get_logger(__name__)

LOST = (ConnectorException, psycopg.OperationalError, PoolTimeout, OSError)
LONGEST_PAUSE_S = 30.0


def run(engine: Engine, settings: Settings, clock: Clock, *, concurrency: int = 2, once: bool = False) -> None:
    """Work until SIGTERM or SIGINT; with `once`, until the queue is empty."""
    asyncio.run(_supervise(engine, settings, clock, concurrency, once=once))


async def _supervise(engine: Engine, settings: Settings, clock: Clock, concurrency: int, *, once: bool) -> None:
    pause = 1.0
    while True:
        try:
            await _work(engine, settings, clock, concurrency, once=once)
        except LOST as error:
            log.warning("database-lost", error=type(error).__name__, retry_in_s=pause)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)
        else:
            return


async def _work(engine: Engine, settings: Settings, clock: Clock, concurrency: int, *, once: bool) -> None:
    queue = make_queue(engine, settings, clock)
    async with queue.open_async():
        await rescue_stalled(queue.job_manager, timedelta(seconds=30))
        await queue.run_worker_async(
            concurrency=concurrency,
            wait=not once,
            delete_jobs="successful",
            fetch_job_polling_interval=2.0,
            shutdown_graceful_timeout=20.0,
        )
