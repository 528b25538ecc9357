"""What the access API takes and gives."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field


class Login(BaseModel):
    """User name and password."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)
    username: str = Field(examples=["maija"])
    password: str = Field(examples=["correct horse battery"])


class Session(BaseModel):
    """A session: send the token as bearer."""

    token: str
    expires_in_s: int


class Me(BaseModel):
    """Who the caller is and what it may do."""

    name: str
    roles: list[str]
    permissions: list[str]


class NewUser(BaseModel):
    """An account to open."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)
    username: str = Field(min_length=1, max_length=100, examples=["maija"])
    display_name: str = Field(max_length=200, examples=["Maija Meikäläinen"])
    roles: list[str] = Field(examples=[["billing"]])
    password: str = Field(examples=["correct horse battery"])


class UserChange(BaseModel):
    """What to change of an account; what is left out stays."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)
    roles: list[str] | None = None
    password: str | None = None
    active: bool | None = None


class User(BaseModel):
    """An account."""

    username: str
    display_name: str
    roles: list[str]
    active: bool
    created_at: datetime


class NewGateway(BaseModel):
    """A gateway to enrol."""

    model_config = ConfigDict(extra="forbid")
    name: str = Field(min_length=1, max_length=100, examples=["tower-north"])
    place: str = Field(default="", max_length=200, examples=["Water tower, north side"])


class GatewayToken(BaseModel):
    """A gateway's token: write it into the file that `meterhub gateway --token-file` names."""

    gateway: str
    token: str


class AuditEvent(BaseModel):
    """One entry of the audit log."""

    id: int
    at: datetime
    actor: str
    action: str
    purpose: str
    subject: str
    detail: dict[str, object]
