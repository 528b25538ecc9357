"""Alerts as they go over the wire."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from meterhub.alerts.detectors import Severity
from meterhub.alerts.lifecycle import Outcome
from meterhub.alerts.service import LONGEST_NOTE
from meterhub.kit.db import AnyRow
from meterhub.kit.units import ML_PER_M3


class AlertState(StrEnum):
    """Where an alert stands."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    CLOSED = "closed"


class AlertItem(BaseModel):
    """An alert: what was seen where; the loss is at least `rate_l_h` [L/h] and `volume_m3` so far."""

    id: int
    point_code: str
    meter: str = Field(examples=["KAM 76348799"])
    kind: str = Field(examples=["continuous-flow", "burst"])
    severity: Severity
    state: AlertState
    outcome: Outcome | None
    onset_at: datetime
    raised_at: datetime
    seen_until_at: datetime
    closed_at: datetime | None
    rate_l_h: Decimal
    volume_m3: Decimal
    evidence: dict[str, Any]  # numbers by name; which ones depends on the detector

    @classmethod
    def of(cls, row: AnyRow) -> "AlertItem":
        """Return a stored alert."""
        return cls(**item_values(row))


class AlertEvent(BaseModel):
    """Something that happened to an alert, by a person or the detector."""

    model_config = ConfigDict(from_attributes=True)

    at: datetime
    actor: str
    action: str
    note: str


class AlertDetail(AlertItem):
    """An alert with its history."""

    events: list[AlertEvent]


class Acknowledgement(BaseModel):
    """Who looks after it says so."""

    note: str = Field(default="", max_length=LONGEST_NOTE)


class Closing(BaseModel):
    """How it ended."""

    note: str = Field(default="", max_length=LONGEST_NOTE)
    outcome: Literal[Outcome.RESOLVED, Outcome.FALSE, Outcome.EXPIRED]


def item_values(row: AnyRow) -> dict[str, Any]:
    """Return a stored alert as the fields of `AlertItem`."""
    names = AlertItem.model_fields.keys() - {"meter", "rate_l_h", "volume_m3"}
    return {name: getattr(row, name) for name in names} | {
        "meter": f"{row.manufacturer} {row.serial}",
        "rate_l_h": Decimal(row.rate_ml_h) / 1000,
        "volume_m3": Decimal(row.volume_ml) / ML_PER_M3,
    }
