"""A mail server in a thread: speaks enough SMTP to take messages, and refuses what it is told to refuse."""

import socketserver
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from threading import Thread


@dataclass
class Mailbox:
    """What arrived, and the answers to give instead of 250 (by command)."""

    port: int = 0
    messages: list[EmailMessage] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)


class Handler(socketserver.StreamRequestHandler):
    """One connection."""

    def handle(self) -> None:
        box: Mailbox = self.server.box
        self.say("220 mail.example.org ESMTP")
        while line := self.rfile.readline():
            command = line.decode().split()[0].upper().rstrip(":")
            if command == "QUIT":
                self.say("221 bye")
                return
            if command in box.answers:
                self.say(box.answers[command])
                continue
            if command == "DATA":
                self.say("354 go on")
                lines = []
                while (text := self.rfile.readline()) != b".\r\n":
                    lines.append(text[1:] if text.startswith(b"..") else text)
                box.messages.append(message_from_bytes(b"".join(lines), policy=policy.default))
            self.say("250 ok")

    def say(self, answer: str) -> None:
        self.wfile.write(answer.encode() + b"\r\n")


@contextmanager
def mail_server() -> Iterator[Mailbox]:
    """Yield the mailbox of a running server."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.box = Mailbox(port=server.server_address[1])
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server.box
        finally:
            server.shutdown()
            thread.join()
