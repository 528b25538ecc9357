"""What the fleet API takes and gives."""

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

Words = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
Short = Annotated[str, StringConstraints(max_length=60, pattern=r"^[^\x00-\x1f\x7f]*$")]
Count = Annotated[int, Field(ge=0, le=2**62)]
Keep = Literal["all", "quarter", "hour"]


class NewCode(BaseModel):
    """A gateway that shall be enrolled by a code."""

    model_config = ConfigDict(extra="forbid")
    place: Words | None = Field(default=None, examples=["Water tower, north side"])


class EnrolmentCode(BaseModel):
    """A one-time code, shown this once: type it at `meterhub gateway enrol` within its time."""

    gateway: str
    code: str = Field(examples=["7KQM-3XRT-9FWC-PD4H"])
    expires_at: datetime


class Enrolment(BaseModel):
    """The code that was given out for this gateway."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)
    code: Short = Field(min_length=1, examples=["7KQM-3XRT-9FWC-PD4H"])


class Enrolled(BaseModel):
    """A gateway's name and token; the token is shown this once."""

    gateway: str
    token: str


class NewToken(BaseModel):
    """A further token; the one before ends when this one is used for the first time."""

    token: str


class LastExchange(BaseModel):
    """The report before this one: sent and answered by the gateway's clock, taken by the hub's."""

    model_config = ConfigDict(extra="forbid")
    sent_at: AwareDatetime
    hub_at: AwareDatetime
    answered_at: AwareDatetime


class Dongle(BaseModel):
    """A receiver, and its counters since the start of the gateway."""

    model_config = ConfigDict(extra="forbid")
    name: Words
    model: Short = ""
    serial: Short = ""
    firmware: Short = ""
    link_mode: Short = ""
    receiving: bool
    heard: Count
    noise: Count


class Spooled(BaseModel):
    """What waits at the gateway, and the room for it; counts of what left without being delivered."""

    model_config = ConfigDict(extra="forbid")
    depth: Count
    oldest_at: AwareDatetime | None = None
    used_bytes: Count
    limit_bytes: Count
    disk_free_bytes: Count
    dropped: Count = Field(default=0, description="Telegrams given up for want of room, since the spool began.")
    lost: Count = Field(default=0, description="Telegrams that neither disk nor memory could hold.")


class Report(BaseModel):
    """What a gateway says about itself every minute; counters run since the start that `run` names."""

    model_config = ConfigDict(extra="forbid")
    sent_at: AwareDatetime
    run: Short = Field(min_length=1)
    version: Short
    last: LastExchange | None = None
    spool: Spooled
    thinned: Count = Field(default=0, description="Telegrams heard and not kept, as the settings ask.")
    keep: Keep = "all"
    listed_only: bool = False
    trouble: Words = Field(default="", description="What the gateway itself cannot mend, in words.")
    dongles: list[Dongle] = Field(default_factory=list, max_length=64)


class Orders(BaseModel):
    """The answer to a report: what the hub wants; null leaves it to the gateway's own settings."""

    hub_at: datetime
    keep: Keep | None
    listed_only: bool | None
    meters_revision: str | None = Field(description="Fetch the list of meters when this is not the one in use.")
    rotate_token: bool


class MeterList(BaseModel):
    """Meters that the utility knows, as `MMM 12345678`."""

    revision: str
    meters: list[str]


class GatewaySettings(BaseModel):
    """What a gateway shall keep; null leaves it to the gateway's own settings."""

    model_config = ConfigDict(extra="forbid")
    keep: Keep | None = Field(
        default=None, description="All frames, or by meter the last before each quarter or hour."
    )
    listed_only: bool | None = Field(
        default=None, description="Drop and count frames of meters not registered here."
    )


class Alarm(BaseModel):
    """Something about a gateway or a meter's reception that needs somebody."""

    id: int
    kind: str
    severity: str
    state: str
    gateway: str | None
    meter: str | None
    detail: str
    raised_at: datetime
    closed_at: datetime | None


class Acknowledgement(BaseModel):
    """That somebody looks after it."""

    model_config = ConfigDict(extra="forbid")
    note: Annotated[str, StringConstraints(max_length=2000)] = ""


class Hour(BaseModel):
    """A gateway's hour."""

    hour: datetime
    reports: int
    heard: int
    noise: int
    thinned: int
    dropped: int
    spool_depth_max: int
    clock_ahead_s_worst: float


class FleetGateway(BaseModel):
    """A gateway as it is now."""

    name: str
    place: str
    last_seen_at: datetime | None
    software: str | None
    spool_depth: int | None
    reported_at: datetime | None
    clock_ahead_s: float | None
    round_trip_s: float | None
    frames_a_minute: float | None
    spool_oldest_at: datetime | None
    spool_bytes: int | None
    spool_limit_bytes: int | None
    disk_free_bytes: int | None
    thinned: int | None
    dropped: int | None
    lost: int | None
    keeps: str | None
    listed_only: bool | None
    trouble: str | None
    dongles: list[Dongle] | None
    tokens: int = Field(description="Tokens that open the hub now; two for a moment while one is replaced.")
    token_created_at: datetime | None
    code_expires_at: datetime | None = Field(description="Until when an enrolment code waits to be used.")
    alarms: int


class GatewayCoverage(BaseModel):
    """What a gateway hears over the days asked for."""

    gateway: str
    meters: int
    good: int
    fair: int
    poor: int
    share: float | None
    rssi_median_dbm: float | None
    only_here: int = Field(description="Meters that nobody would hear well enough if this gateway went.")


class Gap(BaseModel):
    """An installed meter that is badly heard or not at all."""

    point_code: str
    street: str
    city: str
    meter: str
    share: float = Field(description="Of the telegrams it sends, what the gateway that hears it best hears.")
    gateway: str | None
    rssi_median_dbm: int | None
    last_heard_at: datetime | None


class Dark(BaseModel):
    """A street with meters that are badly heard or not at all."""

    city: str
    street: str
    points: int
    dark: int


class Counts(BaseModel):
    """How many metering points are heard how well."""

    points: int
    good: int
    fair: int
    poor: int
    silent: int
    fragile: int


class Summary(BaseModel):
    """What the reception of some days tells of the whole town; lists are cut where they grow long."""

    counts: Counts
    gateways: list[GatewayCoverage]
    streets: list[Dark]
    shares: dict[str, dict[int, int]]
    strengths: dict[str, dict[int, int]]
    gaps: list[Gap]
    fragile: list[Gap]


class Reception(BaseModel):
    """One day of one meter at one gateway."""

    day: date
    gateway: str
    frames: int
    expected: int
    rssi_median_dbm: int | None
    rssi_worst_dbm: int | None
    first_at: datetime
    last_at: datetime
