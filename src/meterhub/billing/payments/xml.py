"""ISO 20022 messages read without trust: no entities, no network, no document type, a bounded depth."""

import re
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import NoReturn

from lxml import etree

from meterhub.billing.payments.model import PaymentFileError

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:"
_DAY = 10
# 18 digits at most, as the standard has it; what a bill may come to is checked with the file.
_AMOUNT = re.compile(r"[0-9]{1,18}(\.[0-9]{0,2}0*)?", re.ASCII)


def read(data: bytes) -> "Node":
    """Return the root of an ISO 20022 document; raises PaymentFileError for what is not one."""
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False,
        remove_comments=True, remove_pis=True,
    )  # fmt: skip
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        line = error.lineno or 1
        raise PaymentFileError(
            "bad-xml",
            f"line {line}",
            f"the XML is broken or cut off ({error.msg})",
            "ask the bank for the file again",
        ) from None
    if root.getroottree().docinfo.doctype:
        raise PaymentFileError(
            "bad-xml", "line 1", "declares a document type, which bank messages never do", "do not use this file"
        )
    return Node(root, "Document")


class Node:
    """An element, found by local names, that knows how it is called in errors."""

    def __init__(self, element: "etree._Element", where: str) -> None:
        self.element = element
        self.where = where
        self.namespace = etree.QName(element).namespace or ""

    def all(self, name: str) -> list["Node"]:
        """Return the children of a name."""
        found = self.element.findall(f"{{{self.namespace}}}{name}")
        return [Node(one, f"{self.where}/{name}[{n}]") for n, one in enumerate(found, start=1)]

    def get(self, *path: str) -> "Node | None":
        """Return the first element of a path, or None."""
        at = self.element
        for name in path:
            below = at.find(f"{{{self.namespace}}}{name}")
            if below is None:
                return None
            at = below
        return Node(at, f"{self.where}/{'/'.join(path)}")

    def need(self, *path: str) -> "Node":
        """Return the first element of a path; refuse the file without it."""
        found = self.get(*path)
        if found is None:
            self.refuse("missing-element", f"has no {'/'.join(path)}")
        return found

    def text(self, *path: str) -> str:
        """Return the text of an element, empty without it."""
        found = self.get(*path) if path else self
        return "" if found is None else (found.element.text or "").strip()

    def texts(self, *path: str) -> Iterator[str]:
        """Yield the texts of all elements of a path."""
        *above, name = path
        parent = self.get(*above) if above else self
        for one in parent.all(name) if parent else []:
            yield one.text()

    def amount(self) -> Decimal:
        """Return the element's text as an amount of at most two decimals, never below zero."""
        text = self.text()
        if not _AMOUNT.fullmatch(text):
            self.refuse("bad-amount", f"is {text[:40]!r}, not an amount with at most two decimals")
        return Decimal(text).quantize(Decimal("0.01"))

    def count(self) -> int:
        """Return the element's text as a whole number."""
        text = self.text()
        if not (text.isascii() and text.isdecimal()):
            self.refuse("bad-count", f"is {text!r}, not a whole number")
        return int(text)

    def day(self) -> date:
        """Return the day of a date or time in the element or in its `Dt` or `DtTm`."""
        text = self.text() or self.text("Dt") or self.text("DtTm")
        try:
            return date.fromisoformat(text) if len(text) == _DAY else datetime.fromisoformat(text).date()
        except ValueError:
            self.refuse("bad-date", f"is {text!r}, not a day")

    def refuse(self, reason: str, complaint: str) -> NoReturn:
        """Raise an error that names this element and its line."""
        raise PaymentFileError(
            reason, f"{self.where} (line {self.element.sourceline})", complaint, "ask the bank for the file again"
        )
