"""Ask for a background job inside the caller's own transaction.

The job exists if and only if the transaction commits; a job that already waits is not asked for twice.
The worker that runs them is procrastinate (`meterhub.jobs`).
"""

from sqlalchemy import Connection, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql import bindparam

_INSERT = """
    INSERT INTO procrastinate_jobs (queue_name, task_name, queueing_lock, args)
    VALUES ('default', :task, :once, :args)
    ON CONFLICT (queueing_lock) WHERE status = 'todo'
"""
_ARGS = bindparam("args", type_=JSONB)
_DEFER = text(_INSERT + "DO NOTHING").bindparams(_ARGS)
# The row is locked until the transaction ends, and workers pass over what is locked.
_DEFER_AND_HOLD = text(_INSERT + "DO UPDATE SET queueing_lock = excluded.queueing_lock").bindparams(_ARGS)


def defer(
    connection: Connection,
    task: str,
    args: dict[str, object] | None = None,
    *,
    once: str | None = None,
    hold: bool = False,
) -> None:
    """Queue a task; with `once`, unless one under that name already waits.

    With `hold`, one that waits does not start before this transaction ends, so that it sees what this one did.
    """
    connection.execute(_DEFER_AND_HOLD if hold else _DEFER, {"task": task, "once": once, "args": args or {}})
