"""Child processes that do not outlive us."""

import ctypes
import signal
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1


def end_with_parent(number: signal.Signals) -> Callable[[], None]:
    """Return a `preexec_fn` by which Linux signals the child when our process dies, however it dies."""
    library = ctypes.CDLL(None)  # loaded before the fork: the child must do as little as possible

    def ask() -> None:
        library.prctl(_PR_SET_PDEATHSIG, number)

    return ask
