"""Times as captures write them: ISO 8601 in its many forms, seconds since 1970, or a format that is told. Pure."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

_NUMBER = re.compile(r"-?\d+(?:[.,]\d+)?", re.ASCII)
OUT_OF_ORDER = timedelta(minutes=10)
_MILLISECONDS_FROM = 10**11  # as seconds the year 5138, as milliseconds 1973


@dataclass(slots=True)
class TimeReader:
    """Reads the times of one capture, line after line.

    Times without an offset are local to `zone`. In the hour that autumn repeats the clock is taken to have been
    put back where lines would otherwise go back by more than `OUT_OF_ORDER`.
    """

    zone: ZoneInfo
    form: str | None = None
    """As for `strptime`; without it ISO 8601 or a number."""
    _last: datetime | None = field(default=None, init=False)

    def read(self, written: str | float) -> datetime:
        """Return a time in UTC; ValueError says what is wrong with it."""
        text = str(written).strip()
        try:
            found = self._parse(text)
            at = found.astimezone(UTC) if found.tzinfo else self._from_local(found, text)
        except OverflowError:
            raise ValueError(f"{text[:40]!r} is out of range") from None
        self._last = at
        return at

    def _parse(self, text: str) -> datetime:
        if self.form is not None:
            try:
                return datetime.strptime(text, self.form)  # noqa: DTZ007 - without an offset it is local
            except (ValueError, re.error):
                raise ValueError(f"{text[:40]!r} is not written as {self.form!r}") from None
        if _NUMBER.fullmatch(text):
            number = float(text.replace(",", "."))
            seconds = number / 1000 if abs(number) >= _MILLISECONDS_FROM else number
            return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
        try:
            return datetime.fromisoformat(text.replace("_", "T"))
        except ValueError:
            raise ValueError(
                f"{text[:40]!r} is no time in ISO 8601: say how it is written (time format)"
            ) from None

    def _from_local(self, local: datetime, text: str) -> datetime:
        first, second = (local.replace(tzinfo=self.zone, fold=fold).astimezone(UTC) for fold in (0, 1))
        if first == second:
            return first
        if first > second:  # in the hour that spring leaves out the offsets come the other way round
            raise ValueError(f"{text[:40]!r} does not exist in {self.zone.key}: clocks were put forward")
        return first if self._last is None or first >= self._last - OUT_OF_ORDER else second
