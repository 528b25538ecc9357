"""What a gateway in tests says about itself."""

from datetime import datetime
from typing import Any


def a_report(sent_at: datetime, *, heard: int = 0, noise: int = 0, **changes: Any) -> dict[str, Any]:
    """A report with one dongle; nested values by `spool={...}`."""
    spool = {"depth": 0, "used_bytes": 4096, "limit_bytes": 2**30, "disk_free_bytes": 2**33}
    dongle = {
        "name": "ttyUSB0",
        "model": "iM871A",
        "serial": "22001234",
        "link_mode": "C/T",
        "receiving": True,
        "heard": heard,
        "noise": noise,
    }
    report: dict[str, Any] = {
        "sent_at": sent_at.isoformat(),
        "run": "first",
        "version": "0.1.0",
        "spool": spool | changes.pop("spool", {}),
        "dongles": [dongle],
    }
    return report | changes
