"""The file with a gateway's token: only for its owner, replaced as a whole."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import NamedTemporaryFile


def read_token(path: Path) -> str:
    """Return the token in a file; raises `OSError` or `ValueError` where there is no usable one."""
    token = path.read_text(encoding="ascii").strip()
    if not token or not token.isprintable() or " " in token:
        raise ValueError(f"{path} holds no token: one line of letters, digits and signs is expected")
    return token


@contextlib.contextmanager
def replacing(path: Path) -> Iterator["NewFile"]:
    """Make sure that a file can be replaced before there is anything to put in; raises `OSError` if not."""
    with NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}.", encoding="ascii", delete=False) as file:
        new = Path(file.name)  # mode 600 from the start
        try:
            yield NewFile(path, new)
        finally:
            new.unlink(missing_ok=True)


class NewFile:
    """A file that will take the place of another."""

    def __init__(self, path: Path, new: Path) -> None:
        self._path, self._new = path, new

    def write(self, token: str) -> None:
        """Put the token in the place of the old one; after a power cut there is one or the other."""
        descriptor = os.open(self._new, os.O_WRONLY | os.O_TRUNC)
        try:
            os.write(descriptor, f"{token}\n".encode("ascii"))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        self._new.replace(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
