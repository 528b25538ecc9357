"""Queue documents and letters for sending, look at the outbox, send again."""

from collections.abc import Sequence

from sqlalchemy import Connection

from meterhub.access.audit import record
from meterhub.access.principal import SYSTEM, Principal
from meterhub.billing.delivery import repository
from meterhub.billing.documents.letters import letter_as_json
from meterhub.billing.documents.model import Letter
from meterhub.errors import Conflict, NotFound
from meterhub.kit import queue

SEND = "delivery.send"


def enqueue(connection: Connection, invoice_ids: Sequence[int], by: str = SYSTEM.name) -> int:
    """Queue issued documents by their customers' channels; return how many were not queued before."""
    queued = repository.enqueue(connection, invoice_ids, by)
    if queued:
        queue.defer(connection, SEND, once=SEND)
    return queued


def enqueue_letter(connection: Connection, customer_id: int, letter: Letter, by: str = SYSTEM.name) -> int:
    """Queue a letter; return the id of its delivery."""
    delivery_id = repository.enqueue_letter(connection, customer_id, letter.number, letter_as_json(letter), by)
    queue.defer(connection, SEND, once=SEND)
    return delivery_id


def resend(connection: Connection, principal: Principal, delivery_id: int, channel: str | None) -> int:
    """Send again: what failed is tried from the start, what has left gets a new delivery; return its id.

    Raises NotFound, and Conflict for what is still on its way.
    """
    row = repository.by_id(connection, delivery_id, lock=True)
    if row is None:
        raise NotFound(f"there is no delivery {delivery_id}")
    if row.state in ("waiting", "sending"):
        raise Conflict(f"delivery {delivery_id} of {row.number} is {row.state}; it will be sent by itself")
    if row.state == "failed":
        repository.again(connection, delivery_id, channel)
        result = delivery_id
    else:
        result = repository.resend(connection, delivery_id, channel, principal.name)
    queue.defer(connection, SEND, once=SEND)
    record(
        connection,
        principal,
        action="resend-document",
        purpose="billing",
        subject=f"delivery:{delivery_id}",
        detail={"channel": channel or row.channel},
    )
    return result
