"""What can be wrong with a bill to be rated: one error type with a stable reason."""

from enum import StrEnum
from http import HTTPStatus

from meterhub.errors import MeterhubError


class Reason(StrEnum):
    """Stable reasons, as published with the scenario format."""

    BAD_JSON = "bad_json"
    BAD_SCENARIO = "bad_scenario"
    BAD_DECIMAL = "bad_decimal"
    NEGATIVE_PRICE = "negative_price"
    BAD_PERIOD = "bad_period"
    BAD_WEIGHTS = "bad_weights"
    TARIFF_OVERLAP = "tariff_overlap"
    TARIFF_GAP = "tariff_gap"
    RATE_MISSING = "rate_missing"
    SITE_FACT_MISSING = "site_fact_missing"
    VAT_OVERLAP = "vat_overlap"
    VAT_MISSING = "vat_missing"
    DUPLICATE_READ = "duplicate_read"
    READ_OUT_OF_RANGE = "read_out_of_range"
    READ_SUSPECT = "read_suspect"
    READ_UNCONFIRMED = "read_unconfirmed"
    EXCHANGE_READ_MISSING = "exchange_read_missing"
    NO_OPENING_READ = "no_opening_read"
    NO_ESTIMATE = "no_estimate"
    TRUE_UP_WITHOUT_READ = "true_up_without_read"
    DEDUCT_EXCEEDS_MAIN = "deduct_exceeds_main"
    INTEREST_RATE_MISSING = "interest_rate_missing"
    BAD_REFERENCE = "bad_reference"
    BAD_IBAN = "bad_iban"
    TERM_TOO_SHORT = "term_too_short"


class RatingError(MeterhubError):
    """A bill cannot be computed: `reason` is stable, the detail names the field and its value."""

    code = "cannot-be-rated"
    status = HTTPStatus.UNPROCESSABLE_ENTITY

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"
