"""The audit log: who did or read what, for what purpose. Keys and field names, never values."""

from collections.abc import Mapping

from sqlalchemy import Connection, insert

from meterhub.access.principal import Principal
from meterhub.access.tables import audit_event


def record(
    connection: Connection,
    principal: Principal,
    *,
    action: str,
    purpose: str,
    subject: str = "",
    detail: Mapping[str, object] | None = None,
) -> None:
    """Add an event in the caller's transaction: what is not logged has not happened."""
    connection.execute(
        insert(audit_event).values(
            actor=principal.name, action=action, purpose=purpose, subject=subject, detail=dict(detail or {})
        )
    )
