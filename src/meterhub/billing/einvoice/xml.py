"""Small means to write XML: elements in order, nothing empty, nothing that XML cannot hold."""

import re
from decimal import Decimal
from typing import Any, TypeAlias

from lxml import etree

Element: TypeAlias = Any  # Any: lxml comes without types
# Characters outside of XML 1.0; names typed elsewhere may hold them.
_UNWRITABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def add(parent: Element, tag: str, text: str = "", /, **attributes: str) -> Element:
    """Append an element; white space in its text becomes single spaces."""
    made = etree.SubElement(parent, tag, **attributes)
    made.text = cleaned(text) or None
    return made


def add_if(parent: Element, tag: str, text: str, /, **attributes: str) -> None:
    """Append an element unless its text is blank."""
    if cleaned(text):
        add(parent, tag, text, **attributes)


def cleaned(text: str) -> str:
    """Return a text as XML can hold it, white space as single spaces."""
    return " ".join(_UNWRITABLE.sub(" ", text).split())


def written(root: Element) -> bytes:
    """Return the document as UTF-8."""
    made: bytes = etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)
    return made


def plain(value: Decimal) -> str:
    """Return a number with a decimal point and no superfluous zeros, at least as an integer."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
