"""A hub for tests: speaks the ingest API over real HTTP, remembers every telegram, fails in every way."""

import gzip
import json
import socket
import struct
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

TOKEN = "a-token-for-tests"


@dataclass
class Fault:
    """How one request goes wrong: what is answered, and whether the batch was committed before."""

    status: int = 200
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    commit: bool = False
    cut_off: bool = False
    delay_s: float = 0.0


class LocalHub:
    """Listens on a port of this machine, by default a free one. `faults` are used up one a request."""

    def __init__(self, port: int = 0) -> None:
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                hub.handle(self)

            def log_message(self, *args: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            def handle_error(self, *args: object) -> None:
                """Clients that were killed in mid-request are part of the tests."""

        self._server = Server(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._mutex = threading.Lock()
        self.faults: deque[Fault] = deque()
        self.largest_batch = 10_000
        self.rejects: set[str] = set()
        self.frames: dict[str, int] = {}
        """Frames in the order in which they were first committed, each with how often it came."""
        self.requests: list[dict[str, str]] = []
        self.batches: list[dict[str, object]] = []
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def handle(self, request: BaseHTTPRequestHandler) -> None:
        if request.path != "/api/v1/telegrams":
            self.answer_elsewhere(request)
            return
        content = request.rfile.read(int(request.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.requests.append(headers)
        with self._mutex:
            fault = self.faults.popleft() if self.faults else None
        status, body, extra = 200, b"", {}
        if headers["authorization"] != f"Bearer {TOKEN}":
            status, body = 401, b'{"code": "access.token-unknown", "detail": "who is this?"}'
        elif fault is not None:
            time.sleep(fault.delay_s)
            status, extra = fault.status, fault.headers
            answer = self.commit(content) if fault.commit else b"{}"
            body = answer if fault.body is None else fault.body
            if fault.cut_off:
                self.cut_off(request, body)
                return
        else:
            batch = json.loads(gzip.decompress(content))
            status = 200 if len(batch["telegrams"]) <= self.largest_batch else 413
            body = self.commit(content) if status == 200 else b'{"code": "ingest.too-large", "detail": ""}'
        request.send_response(status)
        for name, value in extra.items():
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    def answer_elsewhere(self, request: BaseHTTPRequestHandler) -> None:
        """Answer what is no upload, as a hub of before would."""
        request.rfile.read(int(request.headers["Content-Length"]))
        body = b'{"code": "not-found", "detail": "no such route"}'
        request.send_response(404)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    def commit(self, content: bytes) -> bytes:
        batch = json.loads(gzip.decompress(content))
        accepted = duplicates = 0
        rejected = []
        with self._mutex:
            self.batches.append(batch)
            for index, telegram in enumerate(batch["telegrams"]):
                frame = telegram["frame"]
                if frame in self.rejects:
                    rejected.append({"index": index, "code": "frame.bad", "message": "not a frame"})
                    continue
                accepted += frame not in self.frames
                duplicates += frame in self.frames
                self.frames[frame] = self.frames.get(frame, 0) + 1
        counts = {"accepted": accepted, "duplicates": duplicates, "quarantined": 0, "rejected": rejected}
        return json.dumps(counts).encode()

    @staticmethod
    def cut_off(request: BaseHTTPRequestHandler, body: bytes) -> None:
        """Send half of the response, then reset the connection."""
        request.send_response(200)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body[: len(body) // 2])
        request.wfile.flush()
        request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.connection.close()
        request.close_connection = True

    def wait_for(self, count: int, timeout_s: float = 150.0) -> bool:
        """Wait until so many different frames are there; tell whether they are."""
        end = time.monotonic() + timeout_s
        while len(self.frames) < count and time.monotonic() < end:
            time.sleep(0.01)
        return len(self.frames) >= count

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
