"""The output of a program, read like a line to a dongle: `exec:rtl_sdr … | rtl_wmbus`."""

import os
import signal
import subprocess

from meterhub.gateway.pipe import read_some

_END_WITHIN_S = 2.0


class ChildLine:
    """A running shell command. The command is the operator's own; its complaints go to the gateway's log."""

    def __init__(self, command: str) -> None:
        self._command = command
        self._process = subprocess.Popen(  # noqa: S603 - the operator's own command, as documented
            ["/bin/sh", "-c", command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        assert self._process.stdout is not None
        self._output = self._process.stdout

    def read(self) -> bytes:
        """Return what has come out, waiting a moment; empty when nothing has. Raises `OSError` at its end."""
        return read_some(self._output.fileno(), repr(self._command))

    def write(self, data: bytes) -> None:
        """Refuse: programs are told on their command line what to do."""
        raise OSError(f"{self._command!r} takes no requests; name its kind with --dongle, not {data!r}")

    def close(self) -> None:
        """End the command and all it has started."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self._process.pid, number)
                self._process.wait(_END_WITHIN_S)
                break
            except ProcessLookupError:
                self._process.wait()
                break
            except subprocess.TimeoutExpired:
                continue
        self._output.close()
