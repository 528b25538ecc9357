"""Runs of reads whose meter's clock is off, for the rules on clocks."""

from collections.abc import Callable, Iterator

from meterhub.vee.window import Hit, Read, Window


def runs(window: Window, is_off: Callable[[int], bool]) -> Iterator[Hit]:
    """Yield each run of reads whose clock is off, if it reaches into the time that is examined."""
    run: list[Read] = []
    for read in window.reads:
        if read.clock_s is not None and is_off(read.clock_s):
            run.append(read)
        elif run and read.clock_s is not None:
            yield from _told(window, run)
            run = []
    yield from _told(window, run)


def _told(window: Window, run: list[Read]) -> Iterator[Hit]:
    if run and run[-1].at_s >= window.from_s:
        worst = max((read.clock_s or 0 for read in run), key=abs)
        yield Hit(run[0].at_s, run[-1].at_s, {"seconds_off": worst, "reads": len(run)})
