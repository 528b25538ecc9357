"""Have telegrams that wait in quarantine tried again when what they lacked has come."""

from collections.abc import Collection

from sqlalchemy import Connection

from meterhub.kit import queue

TASK = "ingest.retry"
ONE_BY_ONE = 100


def retry_telegrams_of(connection: Connection, meter_ids: Collection[int]) -> None:
    """Queue a job for each of a few meters, or one job for everything that waits if they are many."""
    if len(meter_ids) > ONE_BY_ONE:
        queue.defer(connection, TASK, once=TASK, hold=True)
        return
    for meter_id in sorted(meter_ids):  # in one order, since waiting jobs are held
        queue.defer(connection, TASK, {"meter_id": meter_id}, once=f"{TASK}:{meter_id}", hold=True)
