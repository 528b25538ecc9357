"""The demo's processes: the same commands that a utility runs, each with its log file."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Container, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from meterhub.kit.children import end_with_parent

STOP_TIMEOUT_S = 30
LOG_TAIL = 1500


class DemoFailed(RuntimeError):
    """A part of the demo did not do what it should; the message says which and what its log says."""


def free_port(wanted: int) -> int:
    """Return the wanted TCP port, or a free one if it is taken (or 0 is asked for)."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            return free_port(0)
        port: int = probe.getsockname()[1]
        return port


class Processes:
    """Starts `meterhub` sub-commands and stops them in reverse order."""

    def __init__(self, logs: Path, environment: Mapping[str, str]) -> None:
        self._logs = logs
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("METERHUB_")}
        self._environment = {**inherited, **environment}  # the caller's own installation stays out of it
        self._running: list[tuple[str, subprocess.Popen[bytes]]] = []
        logs.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        for _, process in reversed(self._running):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for _, process in reversed(self._running):
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()

    def start(self, name: str, *arguments: str) -> None:
        """Start a long-running command."""
        with (self._logs / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(  # noqa: S603 - our own command, no shell
                [sys.executable, "-m", "meterhub", *arguments],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env=self._environment,
                start_new_session=True,  # Ctrl-C is for the demo: it stops them in order
                preexec_fn=end_with_parent(signal.SIGTERM),  # noqa: PLW1509 - the child only calls prctl
            )
        self._running.append((name, process))

    def run(self, *arguments: str, stdin: str = "", accept: Container[int] = (0,)) -> str:
        """Run a command to its end; return what it printed. Exit codes not to `accept` raise DemoFailed."""
        done = subprocess.run(  # noqa: S603 - our own command, no shell
            [sys.executable, "-m", "meterhub", *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            env=self._environment,
            check=False,
        )
        if done.returncode not in accept:
            named = " ".join(arguments[:2])
            raise DemoFailed(f"`meterhub {named}` failed: {(done.stderr or done.stdout)[-LOG_TAIL:]}")
        return done.stdout

    def check(self) -> None:
        """Raise if a command has ended that should still run."""
        for name, process in self._running:
            if process.poll() is not None:
                tail = (self._logs / f"{name}.log").read_text(errors="replace")[-LOG_TAIL:]
                raise DemoFailed(f"`meterhub {name}` has ended with {process.returncode}:\n{tail}")

    def memory_mb(self) -> dict[str, int]:
        """Return the resident memory of each running command [MB]."""
        return {
            name: psutil.Process(process.pid).memory_info().rss // 2**20
            for name, process in self._running
            if process.poll() is None
        }
