"""A secret that another program prints, such as the command line of a key service.

The program is run once a process, without a shell, for a bounded time. What it prints is kept in memory only
and is part of no error; its own error output goes nowhere, since it may hold the secret too.
"""

import os
import shlex
import signal
import subprocess
from threading import Lock

_lock = Lock()
_outputs: dict[str, str] = {}


def secret_of(command: str, timeout_s: float) -> str:
    """Return what a command prints, without blanks around it; ValueError says why there is nothing."""
    with _lock:
        if command not in _outputs:
            _outputs[command] = _run(command, timeout_s)
        return _outputs[command]


def _run(command: str, timeout_s: float) -> str:
    words = shlex.split(command)
    if not words:
        raise ValueError("the command is empty")
    try:
        child = subprocess.Popen(  # noqa: S603 - the operator's own command from the settings
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # so that what it started ends with it
        )
    except OSError as error:
        raise ValueError(f"{words[0]!r} cannot be run: {error.strerror}") from None
    with child:
        try:
            printed, _ = child.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            raise ValueError(f"{words[0]!r} did not end within {timeout_s:g} s") from None
    if child.returncode != 0:
        raise ValueError(f"{words[0]!r} ended with {child.returncode}: run it by hand to see why")
    try:
        return printed.decode("ascii").strip()
    except UnicodeDecodeError:
        raise ValueError(f"{words[0]!r} printed something other than text") from None
