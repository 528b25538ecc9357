"""A language: its words, and how it writes numbers and dates."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

NO_BREAK_SPACE = "\u00a0"
# A narrow space between thousands, as SI and the Nordic languages write it.
THIN_SPACE = "\u202f"


@dataclass(frozen=True, slots=True)
class Language:
    """One language: its words, months and decimal sign."""

    code: str
    decimal_sign: str
    months: tuple[str, ...]
    words: dict[str, str]

    def __getitem__(self, word: str) -> str:
        return self.words[word]

    def number(self, value: Decimal, decimals: int | None = None) -> str:
        """Return a number with so many decimals, or all it has, thousands set apart."""
        shown = value if decimals is None else value.quantize(Decimal(1).scaleb(-decimals))
        text = f"{shown:,f}".replace(",", THIN_SPACE).replace(".", self.decimal_sign)
        return text.replace("-", "\u2212")

    def price(self, value: Decimal) -> str:
        """Return a unit price with two decimals, or as many more as it has."""
        exponent = value.normalize().as_tuple().exponent
        assert isinstance(exponent, int)
        return self.number(value, max(2, -exponent))

    def day(self, day: date) -> str:
        """Return a date as people write it."""
        if self.code == "en":
            return NO_BREAK_SPACE.join((str(day.day), self.months[day.month - 1], str(day.year)))
        return f"{day.day}.{day.month}.{day.year}"

    def days(self, start: date, last: date) -> str:
        """Return a period with its last day, the year once if it is one."""
        if start.year == last.year and self.code != "en":
            return f"{start.day}.{start.month}.\u2013{self.day(last)}"
        return f"{self.day(start)} \u2013 {self.day(last)}"
