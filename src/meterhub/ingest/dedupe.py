"""Which frames are the same transmission, heard again. Pure.

Several gateways hear a meter, repeaters relay it, and a gateway that got no answer sends its batch again:
a frame with the same fingerprint (link-layer CRCs and hop bits left out) within the window is the same
transmission. The same bytes later are a new one: a meter whose register stands still and that sends no
counter repeats itself, and hearing it is proof that nothing was used.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple


class Known(NamedTuple):
    """A transmission that is stored."""

    raw_frame_id: int
    gateway_id: int
    received_at: datetime


@dataclass(slots=True)
class Seen:
    """Transmissions by fingerprint; grows as frames of a batch are added."""

    window: timedelta
    _by_fingerprint: dict[int, list[tuple[datetime, int, object]]] = field(default_factory=dict)
    """In order of time: a meter that stands still fills a batch with one fingerprint."""

    def add(self, fingerprint: int, at: datetime, what: object) -> None:
        """Remember a transmission."""
        heard = self._by_fingerprint.get(fingerprint)
        if heard is None:
            self._by_fingerprint[fingerprint] = [(at, 0, what)]
        else:
            insort(heard, (at, len(heard), what))

    def find(self, fingerprint: int, at: datetime) -> object | None:
        """Return the transmission that a frame heard at `at` belongs to, the nearest in time; or None."""
        heard = self._by_fingerprint.get(fingerprint)
        if heard is None:
            return None
        near = []
        for place in range(bisect_left(heard, (at - self.window,)), len(heard)):
            heard_at, number, what = heard[place]
            if heard_at > at + self.window:
                break
            near.append((abs(at - heard_at), number, what))
        return min(near)[2] if near else None


def seen_from(known: Iterable[tuple[int, Known]], window: timedelta) -> Seen:
    """Return what is stored as a lookup."""
    seen = Seen(window)
    for fingerprint, transmission in known:
        seen.add(fingerprint, transmission.received_at, transmission)
    return seen


def in_order_heard(times: Sequence[datetime]) -> list[int]:
    """Return indices in order of time, ties as they came, so that the first of a window is the one kept."""
    return sorted(range(len(times)), key=times.__getitem__)
