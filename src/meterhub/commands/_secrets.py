"""Secrets that commands ask for: from a file, a pipe or, hidden, from a person; never from the command line."""

import sys
from getpass import getpass
from pathlib import Path

from meterhub.commands._files import read_text
from meterhub.errors import BadInput


def ask_for(what: str) -> str:
    """Return a line from a person at a terminal, or the first line that is piped in."""
    line = getpass(f"{what}: ") if sys.stdin.isatty() else sys.stdin.readline()
    if not line.strip():
        raise BadInput(f"{what}: nothing was given")
    return line.rstrip("\r\n")


def secret_from(file: Path | None, what: str) -> str:
    """Return the first line of a file, or ask."""
    if file is None:
        return ask_for(what)
    lines = read_text(file).splitlines()
    if not lines:
        raise BadInput(f"{what}: {file} is empty")
    return lines[0]
