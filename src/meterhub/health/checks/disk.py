"""There is room on this machine's disk."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import text

from meterhub.health.checks import Finding, Patient, fail, ok, warn

WARN_SHARE, FAIL_SHARE = 0.15, 0.05
GIGABYTE = 10**9


def check(patient: Patient) -> Iterator[Finding]:
    """Look at the disk of the embedded server, or else at that of the working folder."""
    folder = patient.settings.data_dir or Path.cwd()
    usage = shutil.disk_usage(folder)
    share = usage.free / usage.total
    said = f"{usage.free / GIGABYTE:.1f} GB ({share:.0%}) are free where {folder} is"
    if share < FAIL_SHARE:
        yield fail(said, "Make room now: a full disk stops the database.")
    elif share < WARN_SHARE:
        yield warn(said, "Make room, or shorten retention.")
    else:
        yield ok(said)
    size = patient.connection.execute(text("SELECT pg_database_size(current_database())")).scalar_one()
    yield ok(f"the database takes {size / GIGABYTE:.1f} GB; a disk of its own is not seen from here")
