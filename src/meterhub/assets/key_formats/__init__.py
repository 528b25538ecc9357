"""Files of meter keys as manufacturers deliver them: tables of text, and Kamstrup's encrypted containers. Pure.

`read_key_list` recognises the format by the content. What is wrong with a row is told with its place; a key or
a password is repeated in no message.
"""

from collections.abc import Mapping

from meterhub.assets.key_formats import kem, table
from meterhub.assets.key_formats.rows import KeyList, KeyListError, KeyRow

__all__ = ["KeyList", "KeyListError", "KeyRow", "needs_password", "read_key_list"]


def read_key_list(
    content: bytes, *, password: str | None = None, columns: Mapping[str, str] | None = None
) -> KeyList:
    """Return the keys of a file; KeyListError where it cannot be read as a whole.

    `columns` names the columns of a table (manufacturer, serial, key) where they have unusual names.
    """
    if kem.is_container(content):
        return kem.parse(content, password)
    return table.parse(table.text_of(content), columns or {})


def needs_password(content: bytes) -> bool:
    """Tell whether a file is encrypted with a password."""
    return kem.is_container(content) and kem.is_encrypted(content)
