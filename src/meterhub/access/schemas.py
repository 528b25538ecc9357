"""What the access API takes and gives."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

# what PostgreSQL can store and a log line can hold
Name = Annotated[str, StringConstraints(max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$")]
Words = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
# hashing takes longer the longer the text
Password = Annotated[str, StringConstraints(max_length=1000)]


class Login(BaseModel):
    """User name and password."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)
    username: Name = Field(examples=["maija"])
    password: Password = Field(examples=["correct horse battery"])


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
    username: Name = Field(min_length=1, examples=["maija"])
    display_name: Words = Field(examples=["Maija Meikäläinen"])
    roles: list[str] = Field(examples=[["billing"]])
    password: Password = Field(examples=["correct horse battery"])


class UserChange(BaseModel):
    """What to change of an account; what is left out stays."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)
    roles: list[str] | None = None
    password: Password | None = None
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
    name: Name = Field(min_length=1, examples=["tower-north"])
    place: Words = Field(default="", examples=["Water tower, north side"])


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
