"""What a what-if takes and gives over HTTP."""

from datetime import date, datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from meterhub.billing.schemas import Code, TariffDocument


class WhatIfRequest(BaseModel):
    """A list to try, stored (`tariff`) or not decided yet (`document`), against one that is in force."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"tariff": "town-2027", "against": "town", "year": 2025}]}
    )

    year: Annotated[int, Field(ge=1990, le=2200, description="whose use is rated")]
    against: Code = Field(description="the price list of today")
    against_on: date | None = Field(default=None, description="the day it stands for; by default today")
    tariff: Code | None = None
    document: TariffDocument | None = None
    on: date | None = Field(
        default=None, description="the day the tried list stands for; by default its last change"
    )

    @model_validator(mode="after")
    def _one_list(self) -> "WhatIfRequest":
        if (self.tariff is None) == (self.document is None):
            raise ValueError("give either tariff, the code of a stored list, or document")
        if self.document is not None and not self.document.versions:
            raise ValueError("document.versions is empty: there is nothing to try")
        return self


class WhatIfOut(BaseModel):
    """A what-if: how far it is, and its sums when it is finished."""

    id: int
    state: str
    asked: dict[str, Any]
    accounts_total: int
    accounts_done: int
    result: dict[str, Any] | None
    problem: str | None
    created_at: datetime
    created_by: str
    finished_at: datetime | None


class WhatIfCreated(BaseModel):
    """A what-if that waits for the worker."""

    id: int
    state: str
