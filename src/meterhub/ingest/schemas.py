"""What the ingest API takes and gives (the contract with gateways)."""

from datetime import datetime
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

MAX_FRAME_BYTES = 1024  # link-layer frames have 256; reassembled ones a little more

LinkMode = Literal["S1", "S1-m", "S2", "T1", "T2", "C1", "C2", "R2", "N1", "N2", "C/T", "C1a", "C1b", "C2a", "C2b"]


class TelegramIn(BaseModel):
    """One frame as a gateway heard it."""

    model_config = ConfigDict(extra="forbid")
    frame: str = Field(
        min_length=2,
        max_length=2 * MAX_FRAME_BYTES,
        pattern=r"^([0-9a-fA-F]{2})+$",
        description="The frame in hex, from its length byte on, with or without link-layer CRCs.",
        examples=["0F44AE0C7856341201074447780B134365871E6D"],
    )
    received_at: AwareDatetime
    rssi_dbm: float | None = Field(default=None, ge=-200, le=50, examples=[-71])
    link_mode: LinkMode | None = Field(default=None, examples=["T1"])


class Batch(BaseModel):
    """What a gateway sends; each telegram is judged alone."""

    model_config = ConfigDict(extra="forbid")
    gateway: str = Field(examples=["tower-north"])
    telegrams: list[TelegramIn]


class QuickTelegram(BaseModel):
    """What `TelegramIn` lets through, with the bytes of the frame: for batches without any fault."""

    model_config = ConfigDict(extra="forbid", val_json_bytes="hex")
    frame: bytes = Field(min_length=1, max_length=MAX_FRAME_BYTES)
    received_at: AwareDatetime
    rssi_dbm: float | None = Field(default=None, ge=-200, le=50)
    link_mode: LinkMode | None = None


class QuickBatch(BaseModel):
    """What `Batch` lets through."""

    model_config = ConfigDict(extra="forbid")
    gateway: str
    telegrams: list[QuickTelegram]


class Rejected(BaseModel):
    """A telegram that cannot even be kept, by its place in the batch."""

    index: int
    code: str
    message: str


class BatchResult(BaseModel):
    """What became of a batch; sent only after everything is committed."""

    accepted: int
    duplicates: int
    quarantined: int
    rejected: list[Rejected]


class QuarantinedFrame(BaseModel):
    """A frame that could not be read yet."""

    id: int
    reason: str
    detail: str
    manufacturer: str | None
    serial: str | None
    gateway: str
    received_at: datetime
    rssi_dbm: int | None
    frame: str
    tries: int
    tried_at: datetime


class QuarantineCount(BaseModel):
    """How many frames wait for one reason."""

    reason: str
    frames: int
    next_step: str


class GatewayStatus(BaseModel):
    """A gateway and what it delivered since the day that was asked for."""

    name: str
    place: str
    last_seen_at: datetime | None
    software: str | None
    spool_depth: int | None
    received: int
    accepted: int
    duplicates: int
    quarantined: int
    rejected: int


class ReadSuccess(BaseModel):
    """How many of the installed meters were read within a day."""

    since: datetime
    until: datetime
    installed: int
    read: int
    silent: list[str] = Field(description="Metering points without a read, at most a hundred of them.")


class Retry(BaseModel):
    """Which quarantined frames to try again; without a choice all of them."""

    model_config = ConfigDict(extra="forbid")
    reason: str | None = None


class RetryQueued(BaseModel):
    """The retry runs in the background."""

    queued: bool = True
