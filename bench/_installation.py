"""A hub on an embedded PostgreSQL with registered meters, for benchmarks that go over HTTP."""

import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from meterhub.kit.embedded import EmbeddedPostgres
from meterhub.simulate.demo.client import HubClient, log_in, wait_for_hub
from meterhub.simulate.demo.processes import Processes, free_port


@dataclass(frozen=True, slots=True)
class Installation:
    """A running hub, a logged-in person, and the database behind it."""

    url: str
    database_url: str
    master_key: str
    hub: HubClient
    processes: Processes


@contextmanager
def installation(workers: int = 1) -> Iterator[Installation]:
    """Start database and hub, with a person who may do everything; take both down again."""
    with tempfile.TemporaryDirectory(prefix="mh-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with EmbeddedPostgres(folder / "postgres") as server:
            database_url = server.create_database()
            master_key = secrets.token_hex(32)
            environment = {"DATABASE_URL": database_url, "METERHUB_MASTER_KEY": master_key}
            with Processes(folder / "logs", environment) as processes:
                processes.run("migrate")
                password = secrets.token_urlsafe(12)
                roles = ("--role", "admin", "--role", "billing", "--role", "operations")
                processes.run("user", "add", "bench", *roles, "--password-stdin", stdin=password + "\n")
                port = free_port(0)
                url = f"http://127.0.0.1:{port}"
                processes.start("serve", "serve", "--port", str(port), "--workers", str(workers))
                wait_for_hub(url, processes.check)
                yield Installation(url, database_url, master_key, log_in(url, "bench", password), processes)
