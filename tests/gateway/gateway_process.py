"""`meterhub gateway` as a real process, for tests that kill it."""

import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.gateway.local_hub import TOKEN


class GatewayProcess:
    """One run of the command; its log goes to a file."""

    def __init__(
        self, folder: Path, device: str, hub_url: str, *options: str, dongle: str = "im871a", **environment: str
    ) -> None:
        self.spool_file = folder / "spool.sqlite"
        self.log_file = folder / "gateway.log"
        token_file = folder / "token"
        if not token_file.exists():
            token_file.touch(mode=0o600)
            token_file.write_text(f"{TOKEN}\n")
        self._log = self.log_file.open("ab")
        self.process = subprocess.Popen(
            [
                *(
                    sys.executable,
                    "-c",
                    "from meterhub.cli import main; main()",
                    "gateway",
                    "--device",
                    device,
                    "--hub",
                    hub_url,
                ),
                *("--token-file", str(token_file), "--spool", str(self.spool_file), "--dongle", dongle, *options),
            ],
            stderr=self._log,
            env=environment or None,
        )

    @property
    def log(self) -> str:
        return self.log_file.read_text()

    def kill(self) -> None:
        """End it as a power cut would."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """End it as systemd does; return the exit code."""
        return self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(60)
        self._log.close()
        return code

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end(signal.SIGKILL)
