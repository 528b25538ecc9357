"""The worker process: runs the queue, and comes back when the database does."""

import asyncio
import contextlib
import signal
from datetime import timedelta

import psycopg
import structlog
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException
from psycopg_pool import PoolTimeout
from sqlalchemy import Engine

from meterhub.jobs.queue_app import make_queue
from meterhub.jobs.rescue import rescue_stalled
from meterhub.kit.clock import Clock
from meterhub.settings import Settings
from meterhub.store.upkeep import MAINTAIN

log = structlog.get_logger(__name__)

LOST = (ConnectorException, psycopg.OperationalError, PoolTimeout, OSError)
SHORTEST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 30.0


def run(engine: Engine, settings: Settings, clock: Clock, *, concurrency: int = 2, once: bool = False) -> None:
    """Work until SIGTERM or SIGINT; with `once`, until the queue is empty."""
    asyncio.run(_supervise(engine, settings, clock, concurrency, once=once))


async def _supervise(engine: Engine, settings: Settings, clock: Clock, concurrency: int, *, once: bool) -> None:
    """Work, and begin again when the queue gives up because the database went away."""
    asked_to_stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, asked_to_stop.set)
    pause = SHORTEST_PAUSE_S
    while not asked_to_stop.is_set():
        started = asyncio.get_running_loop().time()
        work = asyncio.create_task(_work(engine, settings, clock, concurrency, once=once))
        asked = asyncio.create_task(asked_to_stop.wait())
        await asyncio.wait({work, asked}, return_when=asyncio.FIRST_COMPLETED)
        asked.cancel()
        if asked_to_stop.is_set():
            work.cancel()  # jobs that run are waited for
        try:
            await work
        except asyncio.CancelledError:
            return
        except LOST as error:
            log.warning("database-lost", error=type(error).__name__, retry_in_s=pause)
        else:
            if once:
                return
            # the queue also ends by itself, without an error, when its listening connection breaks
            log.warning("queue-ended", retry_in_s=pause)
        if asyncio.get_running_loop().time() - started > LONGEST_PAUSE_S:
            pause = SHORTEST_PAUSE_S
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asked_to_stop.wait(), pause)
        pause = min(2 * pause, LONGEST_PAUSE_S)


async def _work(engine: Engine, settings: Settings, clock: Clock, concurrency: int, *, once: bool) -> None:
    queue = make_queue(engine, settings, clock)
    async with queue.open_async():
        await rescue_stalled(queue.job_manager, timedelta(seconds=30))
        with contextlib.suppress(AlreadyEnqueued):
            await queue.tasks[MAINTAIN].defer_async(timestamp=int(clock().timestamp()))
        await queue.run_worker_async(
            concurrency=concurrency,
            wait=not once,
            delete_jobs="successful",
            fetch_job_polling_interval=2.0,
            shutdown_graceful_timeout=20.0,
            install_signal_handlers=False,
        )
