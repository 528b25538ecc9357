"""Files that commands read."""

from pathlib import Path

from meterhub.errors import BadInput


def read_text(file: Path) -> str:
    """Return what a file says, or say why it cannot be read."""
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise BadInput(f"{file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BadInput(f"{file} is not UTF-8 text") from None


def read_bytes(file: Path) -> bytes:
    """Return what a file holds, or say why it cannot be read."""
    try:
        return file.read_bytes()
    except OSError as error:
        raise BadInput(f"{file} cannot be read: {error.strerror}") from None
