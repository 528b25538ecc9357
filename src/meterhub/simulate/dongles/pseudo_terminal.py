"""A serial device that can be plugged, unplugged and read like a real one: a pseudo-terminal and its thread.

The path of the device is a symbolic link that stays the same over `unplug` and `replug`, as udev's
`/dev/serial/by-id` does. What is written while no program has the device open waits in the outbox; what
lies in the kernel's buffer when a program opens or closes the device is lost, as on a real port.
"""

import contextlib
import errno
import os
import select
import tempfile
import threading
import tty
from collections import deque
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

_NO_READER_PAUSE_S = 0.02


class PseudoTerminal:
    """The port of a simulated device. `on_input` gets what the program writes and runs in the port's thread.

    Each item of the outbox comes with a function that is called once it has been written in full.
    """

    def __init__(self, name: str, on_input: Callable[[bytes], None], outbox_limit: int = 10_000) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="meterhub-dongle-")
        self.device_path = str(Path(self._folder.name) / name)
        self._on_input = on_input
        self._outbox: deque[tuple[bytes, Callable[[], None] | None]] = deque()
        self._outbox_limit = outbox_limit
        self._partial = b""
        self._written: Callable[[], None] | None = None
        self._changed = threading.Condition()
        self._master: int | None = None
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_write, False)
        os.set_blocking(self._wake_read, False)
        self._closing = False
        self._thread = threading.Thread(target=self._serve, name=f"port {name}", daemon=True)
        self.plug()
        self._thread.start()

    @property
    def plugged(self) -> bool:
        """Tell whether the device is there."""
        return self._master is not None

    def plug(self) -> None:
        """Make the device appear."""
        with self._changed:
            if self._master is not None:
                return
            master, slave = os.openpty()
            tty.setraw(slave)
            os.set_blocking(master, False)
            link = Path(self.device_path)
            link.unlink(missing_ok=True)
            link.symlink_to(os.ttyname(slave))
            os.close(slave)
            self._master = master
            self._wake()

    def unplug(self) -> None:
        """Make the device vanish: a program that has it open gets an error; the outbox is lost."""
        with self._changed:
            if self._master is None:
                return
            Path(self.device_path).unlink(missing_ok=True)
            os.close(self._master)
            self._master = None
            self._outbox.clear()
            self._partial, self._written = b"", None
            self._wake()  # a poll in progress would keep the closed terminal alive
            self._changed.notify_all()

    def write(self, data: bytes, written: Callable[[], None] | None = None, *, first: bool = False) -> bool:
        """Queue bytes, before all others if `first`; wait while the outbox is full; False when unplugged."""
        with self._changed:
            while not first and len(self._outbox) >= self._outbox_limit and self.plugged:
                self._changed.wait()
            if not self.plugged:
                return False
            (self._outbox.appendleft if first else self._outbox.append)((data, written))
            self._wake()
            return True

    def drain(self, timeout_s: float) -> bool:
        """Wait until everything queued has been written; tell whether it has."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._outbox and not self._partial, timeout_s)

    def close(self) -> None:
        """Unplug for good and end the thread."""
        self._closing = True
        self.unplug()
        with self._changed:
            self._wake()
        self._thread.join()
        os.close(self._wake_read)
        os.close(self._wake_write)
        self._folder.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.write(self._wake_write, b"x")

    def _serve(self) -> None:
        while not self._closing:
            with self._changed:
                received = self._exchange()
            if received:
                self._on_input(received)
                continue
            self._wait()

    def _wait(self) -> None:
        """Wait until there is something to read, to write or to notice."""
        poll = select.poll()
        poll.register(self._wake_read, select.POLLIN)
        with self._changed:
            master, pending = self._master, bool(self._outbox or self._partial)
        timeout_ms = None
        if master is not None:
            if self._has_reader(master):
                poll.register(master, select.POLLIN | (select.POLLOUT if pending else 0))
            else:
                timeout_ms = int(_NO_READER_PAUSE_S * 1000)
        if poll.poll(timeout_ms):
            with contextlib.suppress(BlockingIOError):
                os.read(self._wake_read, 4096)

    @staticmethod
    def _has_reader(master: int) -> bool:
        poll = select.poll()
        poll.register(master, 0)
        return not poll.poll(0)

    def _exchange(self) -> bytes:
        """Write what the kernel takes, return what the program wrote; the lock is held."""
        master = self._master
        if master is None or not self._has_reader(master):
            return b""
        try:
            self._write_out(master)
            return os.read(master, 4096)
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EIO):
                raise
            return b""

    def _write_out(self, master: int) -> None:
        while self._partial or self._outbox:
            if not self._partial:
                self._partial, self._written = self._outbox.popleft()
            try:
                count = os.write(master, self._partial)
            except BlockingIOError:
                return
            self._partial = self._partial[count:]
            if not self._partial:
                if self._written is not None:
                    self._written()
                self._changed.notify_all()
