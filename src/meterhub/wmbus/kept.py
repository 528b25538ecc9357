"""A bounded table of what is costly to make, for populations that may be far larger than the table.

Once full it keeps what it has: with a million meters reporting in turn, throwing out the oldest would
mean never finding anything, and touching cold memory twice a telegram. Everything is dropped now and
then, so that meters that are gone do not hold their places for ever.
"""

from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

_ROUNDS = 16


class Kept(Generic[T]):
    """Calls `make` for a key that is not in the table."""

    __slots__ = ("_limit", "_make", "_misses", "_table")

    def __init__(self, make: Callable[[bytes], T], limit: int) -> None:
        self._make = make
        self._limit = limit
        self._misses = 0
        self._table: dict[bytes, T] = {}

    def __call__(self, key: bytes) -> T:
        """Return what belongs to a key."""
        found = self._table.get(key)
        if found is None:
            found = self._make(key)
            if len(self._table) < self._limit:
                self._table[key] = found
            else:
                self._misses += 1
                if self._misses > _ROUNDS * self._limit:
                    self._table.clear()
                    self._misses = 0
        return found

    def __len__(self) -> int:
        """Return how many are kept."""
        return len(self._table)
