"""What the API of findings and edits takes and gives."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from meterhub.vee.service import LONGEST_EDIT_HOURS, LONGEST_REASON

Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_REASON)]
Volume = Annotated[Decimal, Field(decimal_places=6, max_digits=18, examples=["123.456"])]


class State(StrEnum):
    """How far a finding is: open until people settle it, or until later data explain it (closed)."""

    OPEN = "open"
    ACCEPTED = "accepted"
    DISMISSED = "dismissed"
    EDITED = "edited"
    CLOSED = "closed"


class Finding(BaseModel):
    """What a rule found."""

    id: int
    rule: str
    severity: str
    state: State
    manufacturer: str
    serial: str
    point_code: str | None
    started_at: datetime
    ended_at: datetime
    evidence: dict[str, float | int | str]
    found_at: datetime
    settled_at: datetime | None


class Event(BaseModel):
    """What happened to a finding."""

    at: datetime
    actor: str
    action: str
    reason: str
    read_edit_id: int | None
    hour_edit_id: int | None


class FindingDetail(Finding):
    """A finding with its history, and what to do."""

    action: str
    events: list[Event]


class Settle(BaseModel):
    """Why a finding is accepted or dismissed."""

    model_config = ConfigDict(extra="forbid")
    reason: Reason


class ReadEdit(BaseModel):
    """Set a read aside, or give another register for its instant."""

    model_config = ConfigDict(extra="forbid")
    volume_m3: Annotated[Volume, Field(ge=0)] | None = Field(
        default=None, description="The right register; without one the read is set aside."
    )
    reason: Reason
    finding_id: int | None = None


class ChangedHour(BaseModel):
    """An hour before and after; null where there is no value."""

    hour: datetime
    before_m3: Decimal | None
    after_m3: Decimal | None


class AffectedInvoice(BaseModel):
    """An issued invoice whose amount rests on the read."""

    number: str
    period_start: date
    period_end: date
    next_step: str


class Preview(BaseModel):
    """What an edit changes."""

    hours: list[ChangedHour]
    invoices: list[AffectedInvoice]


class HourEdit(BaseModel):
    """Volumes for hours in a row."""

    model_config = ConfigDict(extra="forbid")
    first_at: AwareDatetime
    volumes_m3: list[Volume] = Field(min_length=1, max_length=LONGEST_EDIT_HOURS)
    reason: Reason


class Edited(BaseModel):
    """An edit that was made, and what people have to do now."""

    edit_id: int
    invoices: list[AffectedInvoice]


class Edit(BaseModel):
    """An edit of a read or of hours; the original is kept."""

    kind: str = Field(description="`read` or `hours`")
    id: int
    edited_at: datetime
    actor: str
    reason: str
    at: datetime
    hours: int
    before_m3: Decimal | None
    after_m3: Decimal | None = Field(description="null: set aside")
    undone_at: datetime | None
    undone_by: str | None
    undone_because: str | None
