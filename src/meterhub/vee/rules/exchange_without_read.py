"""Exchange without read: a meter was put in or taken out, but no read was taken then.

The hour of the exchange then holds the water of one of the two meters only.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from meterhub.vee.window import HOUR_S, Hit, Severity, Window

NUMBER = 19
NAME = "exchange-without-read"
SEVERITY = Severity.HIGH
ON_ARRIVAL = False
ACTION = "Enter the removal or installation read from the work order."


@dataclass(frozen=True, slots=True)
class Parameters:
    """This rule has none."""


def check(window: Window, _p: Parameters) -> Iterator[Hit]:
    """Yield what this rule finds in a window."""
    taken = {(read.source, read.at_s // HOUR_S) for read in window.reads}
    for place in window.installed:
        for source, at_s in (("installation", place.from_s), ("removal", place.until_s)):
            inside = at_s is not None and window.from_s <= at_s < window.until_s
            earlier = source == "removal" or any(read.at_s < place.from_s for read in window.reads)
            if at_s is not None and inside and earlier and (source, at_s // HOUR_S) not in taken:
                yield Hit(at_s, at_s, {"missing": source})
