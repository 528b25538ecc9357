"""Files for printers and operators: written under another name first, so that a name stands for a whole file."""

import csv
import hashlib
import io
import os
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path

from meterhub.errors import NotConfigured
from meterhub.settings import Settings

_SAFE = re.compile(r"[^0-9A-Za-z._-]")
# The oldest time that the format can tell: files in an archive do not depend on when they were put in.
_TIMELESS = (1980, 1, 1, 0, 0, 0)


def outbox(settings: Settings, channel: str) -> Path:
    """Return the folder of a channel, made if need be; raises NotConfigured."""
    folder = settings.delivery.outbox_dir
    if folder is None and settings.data_dir is not None:
        folder = settings.data_dir / "outbox"
    if folder is None:
        raise NotConfigured("no folder for outgoing documents is named: set METERHUB_DELIVERY__OUTBOX_DIR")
    made = folder / channel
    made.mkdir(parents=True, exist_ok=True)
    return made


def file_name(number: str, suffix: str) -> str:
    """Return a file name for a document."""
    return _SAFE.sub("_", number) + suffix


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that it is there wholly or not at all, also if the machine stops."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    with partial.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def print_batch(documents: Sequence[tuple[str, str, bytes]]) -> bytes:
    """Return a ZIP of PDFs (number, customer number, content) with a control list to check the print-out by."""
    archive, listed = io.BytesIO(), io.StringIO(newline="")
    rows = csv.writer(listed, delimiter=";", lineterminator="\r\n")
    rows.writerow(("file", "document", "customer", "bytes", "sha256"))
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as made:
        for number, customer_no, content in documents:
            name = file_name(number, ".pdf")
            rows.writerow((name, number, customer_no, len(content), hashlib.sha256(content).hexdigest()))
            made.writestr(zipfile.ZipInfo(name, _TIMELESS), content)
        made.writestr(zipfile.ZipInfo("control.csv", _TIMELESS), listed.getvalue())
    return archive.getvalue()
