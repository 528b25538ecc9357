"""Reading of JSON objects that forgives nothing: every field is named, typed and used, or it is an error."""

import json
import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final, TypeVar

from meterhub.billing.rating.errors import RatingError, Reason
from meterhub.kit.periods import DateRange

_DECIMAL = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,15})?", re.ASCII)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)

_Choice = TypeVar("_Choice", bound=StrEnum)


class _Required:
    """The default of a field that has none."""


REQUIRED: Final = _Required()


def parse(text: str | bytes) -> Any:
    """Parse JSON (any value, so Any); raises bad_json, also for a repeated field and for NaN or Infinity."""
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_constant)
    except (ValueError, RecursionError) as error:
        raise RatingError(Reason.BAD_JSON, f"not JSON: {error}") from error


def bad(reason: Reason, path: str, value: object, complaint: str) -> RatingError:
    """Return an error that names a field, what it holds, and what is wrong with it."""
    shown = json.dumps(value, default=str)
    return RatingError(reason, f"{path}: {shown if len(shown) < 80 else shown[:76] + ' ...'} {complaint}")


class Fields:
    """One JSON object: each reader takes a field; `done` complains of what nobody took."""

    __slots__ = ("_taken", "_values", "path")

    def __init__(self, value: object, path: str) -> None:
        if not isinstance(value, Mapping):
            raise bad(Reason.BAD_SCENARIO, path or "scenario", value, "is not an object")
        self._values: Mapping[str, object] = value
        self._taken: set[str] = set()
        self.path = path

    def at(self, name: str) -> str:
        """Return the full name of a field."""
        return f"{self.path}.{name}" if self.path else name

    def has(self, name: str) -> bool:
        """Tell whether a field is there and not null; it counts as taken."""
        self._taken.add(name)
        return self._values.get(name) is not None

    def raw(self, name: str) -> object:
        """Return a required field as it is."""
        self._taken.add(name)
        if name not in self._values:
            raise RatingError(Reason.BAD_SCENARIO, f"{self.at(name)}: is missing")
        return self._values[name]

    def done(self) -> None:
        """Raise bad_scenario for a field that is not listed."""
        for name, value in self._values.items():
            if name not in self._taken:
                raise bad(Reason.BAD_SCENARIO, self.at(name), value, "is not a listed field")

    def text(self, name: str, default: str | _Required = REQUIRED) -> str:
        """Return a string that is not empty."""
        value = self._value(name, default)
        if not isinstance(value, str) or not value:
            raise bad(Reason.BAD_SCENARIO, self.at(name), value, "is not a text")
        return value

    def any_text(self, name: str) -> str:
        """Return a string, which may be empty."""
        value = self.raw(name)
        if not isinstance(value, str):
            raise bad(Reason.BAD_SCENARIO, self.at(name), value, "is not a text")
        return value

    def optional_text(self, name: str) -> str | None:
        """Return a string, or None when the field is missing or null."""
        return self.text(name) if self.has(name) else None

    def flag(self, name: str, *, default: bool) -> bool:
        """Return true or false."""
        value = self._value(name, default)
        if not isinstance(value, bool):
            raise bad(Reason.BAD_SCENARIO, self.at(name), value, "is not true or false")
        return value

    def integer(self, name: str, low: int, high: int, default: int | _Required = REQUIRED) -> int:
        """Return an integer within bounds."""
        value = self._value(name, default)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise bad(Reason.BAD_SCENARIO, self.at(name), value, f"is not an integer from {low} to {high}")
        return value

    def choice(self, name: str, choices: type[_Choice], default: _Choice | _Required = REQUIRED) -> _Choice:
        """Return one of the listed words."""
        value = self._value(name, default)
        try:
            return choices(str(value))
        except ValueError:
            words = ", ".join(choices)
            raise bad(Reason.BAD_SCENARIO, self.at(name), value, f"is none of {words}") from None

    def decimal(
        self,
        name: str,
        default: Decimal | _Required = REQUIRED,
        *,
        decimals: int | None = None,
        low: Decimal | None = None,
    ) -> Decimal:
        """Return a decimal given as a string; raises bad_decimal, bad_scenario when below `low`."""
        if not isinstance(default, _Required) and name not in self._values:
            self._taken.add(name)
            return default
        value = decimal_of(self.raw(name), self.at(name), decimals)
        if low is not None and value < low:
            raise bad(Reason.BAD_SCENARIO, self.at(name), str(value), f"is below {low}")
        return value

    def optional_decimal(
        self, name: str, *, decimals: int | None = None, low: Decimal | None = None
    ) -> Decimal | None:
        """Return a decimal, or None when the field is missing or null."""
        return self.decimal(name, decimals=decimals, low=low) if self.has(name) else None

    def price(self, name: str, *, decimals: int = 6) -> Decimal:
        """Return a price: at most six decimals, never negative."""
        value = self.decimal(name, decimals=decimals)
        if value < 0:
            raise bad(Reason.NEGATIVE_PRICE, self.at(name), str(value), "is negative")
        return value

    def day(self, name: str) -> date:
        """Return an ISO date."""
        return day_of(self.raw(name), self.at(name))

    def optional_day(self, name: str) -> date | None:
        """Return an ISO date, or None when the field is missing or null."""
        return self.day(name) if self.has(name) else None

    def period(self, name: str) -> DateRange:
        """Return a half-open pair of dates; raises bad_period when the end is not after the start."""
        value = self.raw(name)
        if not isinstance(value, list) or len(value) != 2:
            raise bad(Reason.BAD_SCENARIO, self.at(name), value, "is not a pair of dates")
        start, end = (day_of(day, self.at(name)) for day in value)
        if end <= start:
            raise bad(Reason.BAD_PERIOD, self.at(name), value, "does not end after its start")
        return DateRange(start, end)

    def validity(self) -> tuple[date, date | None]:
        """Return valid_from and valid_to (None is open)."""
        start, end = self.day("valid_from"), self.optional_day("valid_to")
        if end is not None and end <= start:
            raise bad(Reason.BAD_PERIOD, self.at("valid_to"), str(end), f"is not after valid_from {start}")
        return start, end

    def items(self, name: str, *, default_empty: bool) -> list[object]:
        """Return a list; a missing one is empty where that is the default."""
        value = self._value(name, []) if default_empty else self.raw(name)
        if not isinstance(value, list):
            raise bad(Reason.BAD_SCENARIO, self.at(name), value, "is not a list")
        return value

    def objects(self, name: str, *, default_empty: bool = False) -> list["Fields"]:
        """Return a list of objects."""
        values = self.items(name, default_empty=default_empty)
        return [Fields(value, f"{self.at(name)}[{position}]") for position, value in enumerate(values)]

    def texts(self, name: str, *, default_empty: bool) -> list[str]:
        """Return a list of strings that are not empty."""
        values = self.items(name, default_empty=default_empty)
        for value in values:
            if not isinstance(value, str) or not value:
                raise bad(Reason.BAD_SCENARIO, self.at(name), values, "is not a list of texts")
        return [str(value) for value in values]

    def nested(self, name: str) -> "Fields":
        """Return a required object."""
        return Fields(self.raw(name), self.at(name))

    def optional_nested(self, name: str) -> "Fields | None":
        """Return an object, or None when the field is missing or null."""
        return self.nested(name) if self.has(name) else None

    def names(self) -> list[str]:
        """Return the names of all fields, in order."""
        return list(self._values)

    def _value(self, name: str, default: object) -> object:
        if name not in self._values and default is not REQUIRED:
            self._taken.add(name)
            return default
        return self.raw(name)


def decimal_of(value: object, path: str, decimals: int | None = None) -> Decimal:
    """Return a decimal from a string like "-12.50"; raises bad_decimal, bad_scenario for null."""
    if value is None:
        raise bad(Reason.BAD_SCENARIO, path, value, "is missing")
    if not isinstance(value, str) or not _DECIMAL.fullmatch(value):
        raise bad(Reason.BAD_DECIMAL, path, value, "is not a decimal as a string with a point")
    if decimals is not None and len(value.partition(".")[2]) > decimals:
        raise bad(Reason.BAD_DECIMAL, path, value, f"has more than {decimals} decimals")
    return Decimal(value)


def day_of(value: object, path: str) -> date:
    """Return a date from "2025-01-31"; raises bad_scenario."""
    if isinstance(value, str) and _DAY.fullmatch(value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    raise bad(Reason.BAD_SCENARIO, path, value, "is not a date")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        names = [name for name, _ in pairs]
        repeated = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"field {repeated!r} is repeated")
    return fields


def _constant(word: str) -> None:
    raise ValueError(f"{word} is not a JSON number")
