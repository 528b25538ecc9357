"""The line over a network, as serial-to-network boxes offer it."""

import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import serial
from serial.rfc2217 import PortManager

from meterhub.gateway.dialogue import SerialLine
from meterhub.gateway.transport import READ_TIMEOUT_S, Line, open_line
from meterhub.simulate.dongles.im871a import SimulatedIM871A

PING, ANSWER = bytes.fromhex("A5010100"), bytes.fromhex("A58102004CA3")


def read_all(line: SerialLine, count: int) -> bytes:
    data, end = b"", time.monotonic() + 5
    while len(data) < count and time.monotonic() < end:
        data += line.read()
    return data


def read_for_ever(line: SerialLine) -> None:
    while True:
        line.read()


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


def test_a_plain_socket_carries_bytes_both_ways_and_its_loss_is_an_error(listener: socket.socket) -> None:
    line = Line(f"socket://127.0.0.1:{listener.getsockname()[1]}", 57600)
    connection, _ = listener.accept()
    connection.sendall(ANSWER)
    assert read_all(line, len(ANSWER)) == ANSWER
    line.write(PING)
    assert connection.recv(100) == PING
    connection.close()
    with pytest.raises(OSError, match="disconnected"):
        line.read()
    line.close()


class Rfc2217Server:
    """One connection of a serial-to-network box whose serial side returns what it is sent."""

    def __init__(self, listener: socket.socket) -> None:
        self.port = serial.serial_for_url("loop://", timeout=0.01)
        self.listener = listener
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self) -> None:
        connection, _ = self.listener.accept()
        connection.settimeout(0.01)
        self.connection = connection
        manager = PortManager(self.port, self)
        while not self.stop.is_set():
            if data := self.port.read(self.port.in_waiting or 1):
                connection.sendall(b"".join(manager.escape(data)))
            try:
                data = connection.recv(1024)
            except TimeoutError:
                continue
            if not data:
                break
            self.port.write(b"".join(manager.filter(data)))
        connection.close()

    def write(self, data: bytes) -> None:
        self.connection.sendall(data)

    def close(self) -> None:
        self.stop.set()
        self.thread.join()
        self.port.close()


# pyserial 3.5 still calls Thread.setDaemon and Thread.setName
@pytest.mark.filterwarnings("ignore:set(Daemon|Name):DeprecationWarning")
def test_a_serial_to_network_box_carries_bytes_both_ways(listener: socket.socket) -> None:
    server = Rfc2217Server(listener)
    line = Line(f"rfc2217://127.0.0.1:{listener.getsockname()[1]}", 57600)
    line.write(PING)
    assert read_all(line, len(PING)) == PING
    assert server.port.baudrate == 57600
    line.close()
    server.close()


def test_a_silent_line_returns_nothing_after_a_moment() -> None:
    with SimulatedIM871A() as dongle:
        line = Line(dongle.device_path, 57600)
        began = time.monotonic()
        assert line.read() == b""
        assert time.monotonic() - began < READ_TIMEOUT_S * 4
        line.close()


def test_a_program_is_read_like_a_line_and_its_end_is_an_error() -> None:
    line = open_line("exec:printf hello; sleep 0.1; printf world", 9600)
    assert read_all(line, 10) == b"helloworld"
    with pytest.raises(OSError, match="has ended"):
        read_for_ever(line)
    line.close()


def test_closing_ends_a_program_and_all_it_has_started(tmp_path: Path) -> None:
    alive = tmp_path / "alive"
    line = open_line(f"exec:(while :; do echo x; touch {alive}; sleep 0.02; done) | cat", 9600)
    assert read_all(line, 2)
    line.close()
    time.sleep(0.1)
    alive.unlink(missing_ok=True)
    time.sleep(0.1)
    assert not alive.exists()


def test_a_named_pipe_is_read_like_a_line_and_outlives_its_writer(tmp_path: Path) -> None:
    path = tmp_path / "telegrams"
    os.mkfifo(path)
    line = open_line(str(path), 9600)
    for word in (b"hello", b"world"):
        with path.open("wb") as writer:
            writer.write(word)
        assert read_all(line, 5) == word
    assert line.read() == b""
    with pytest.raises(OSError, match="takes no requests; name its kind with --dongle"):
        line.write(PING)
    line.close()


def test_standard_input_is_read_like_a_line_and_its_end_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.write(writing, b"hello")
    os.close(writing)
    with os.fdopen(reading) as standard_input:
        monkeypatch.setattr("sys.stdin", standard_input)
        line = open_line("-", 9600)
        assert read_all(line, 5) == b"hello"
        with pytest.raises(OSError, match="standard input has ended"):
            line.read()
        line.close()


def test_a_program_takes_no_requests() -> None:
    line = open_line("exec:sleep 5", 9600)
    with pytest.raises(OSError, match="name its kind with --dongle"):
        line.write(PING)
    line.close()
