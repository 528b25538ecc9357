"""Ask for a background job inside the caller's own transaction.

The job exists if and only if the transaction commits; a job that already waits is not asked for twice.
The worker that runs them is procrastinate (`meterhub.jobs`).
"""

from sqlalchemy import Connection, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql import bindparam

_DEFER = text(
    """
    INSERT INTO procrastinate_jobs (queue_name, task_name, queueing_lock, args)
    VALUES ('default', :task, :once, :args)
    ON CONFLICT (queueing_lock) WHERE status = 'todo' DO NOTHING
    """
).bindparams(bindparam("args", type_=JSONB))


def defer(
    connection: Connection, task: str, args: dict[str, object] | None = None, *, once: str | None = None
) -> None:
    """Queue a task; with `once`, unless one under that name already waits."""
    connection.execute(_DEFER, {"task": task, "once": once, "args": args or {}})
