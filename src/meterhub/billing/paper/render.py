"""From an issued document to its PDF/A-3: every text and number is made ready, the templates only place them.

The result depends on the stored document alone (the date inside the PDF is the day of issue, fonts are
those inside typst), so the same document gives the same bytes each time. The files are PDF/A-3a (ISO 19005-3,
accessible) and PDF/UA-1 (ISO 14289-1).
"""

import json
import re
from functools import cache
from pathlib import Path
from threading import local
from typing import Any, Literal

import typst

from meterhub.billing.documents.model import IssuedDocument, Letter
from meterhub.billing.paper.invoice_sheet import invoice_sheet
from meterhub.billing.paper.letter_sheet import letter_sheet
from meterhub.billing.paper.writing import Sheet

STANDARDS: list[Literal["a-3a", "ua-1"]] = ["a-3a", "ua-1"]
# Scripts that the fonts inside typst have: Latin, Greek, Cyrillic, and signs that documents use themselves.
_UNPRINTABLE = re.compile(
    "[^\n\u0020-\u007e\u00a0-\u017f\u0218-\u021b\u0384-\u038a\u038c\u038e-\u03a1\u03a3-\u03ce\u0400-\u045f\u1e9e\u2010-\u2022\u202f\u20ac\u2212]"
)
REPLACEMENT = "?"


class _Compilers(local):
    """A compiler of each template, which holds fonts and the parsed template; not for two threads at once."""

    def __init__(self) -> None:
        self.of = cache(_compiler)


def invoice_pdf(document: IssuedDocument, attached: bytes | None = None) -> bytes:
    """Return an issued document as PDF, an e-invoice of it inside if one is given."""
    inputs = {"attached": attached.decode()} if attached else {}
    return _compiled("invoice.typ", invoice_sheet(document), inputs)


def letter_pdf(letter: Letter) -> bytes:
    """Return a reminder or warning as PDF."""
    return _compiled("letter.typ", letter_sheet(letter), {})


def _compiled(template: str, sheet: Sheet, inputs: dict[str, str]) -> bytes:
    content = json.dumps(_printable(sheet), ensure_ascii=False)
    made = _compilers.of(template).compile(
        format="pdf", sys_inputs={"sheet": content, **inputs}, pdf_standards=[*STANDARDS]
    )
    assert isinstance(made, bytes)
    return made


def _printable(value: Any) -> Any:  # Any: whatever a sheet is made of
    """Return a sheet in which every character has a glyph, without which there is no PDF/A."""
    if isinstance(value, str):
        return _UNPRINTABLE.sub(REPLACEMENT, value)
    if isinstance(value, dict):
        return {name: _printable(one) for name, one in value.items()}
    return [_printable(one) for one in value] if isinstance(value, list) else value


def _compiler(template: str) -> typst.Compiler:
    return typst.Compiler(Path(__file__).with_name(template), ignore_system_fonts=True)


_compilers = _Compilers()
