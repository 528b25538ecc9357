"""What the outbox shows and takes over HTTP."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict


class DeliveryOut(BaseModel):
    """A document on its way: `problem` says what is wrong and what to do."""

    id: int
    number: str
    customer_no: str
    channel: str
    state: str
    tries: int
    not_before: datetime
    problem: str | None
    sent_at: datetime | None
    sent_as: str | None
    resend_of: int | None
    created_at: datetime
    created_by: str


class ResendRequest(BaseModel):
    """Send again, by another channel if one is named."""

    model_config = ConfigDict(extra="forbid")

    channel: Literal["paper", "email", "finvoice", "ehf", "peppol"] | None = None


class Resent(BaseModel):
    """The delivery that now waits."""

    id: int
