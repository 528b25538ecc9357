"""Why no VAT is charged, where a document has to say so (EN 16931 BR-E-10, BR-O-10)."""

from typing import NamedTuple

_OUTSIDE = {
    "fi": "Ei arvonlisäveron soveltamisalaa",
    "sv": "Utanför mervärdesskattens tillämpningsområde",
    "nb": "Utenfor merverdiavgiftslovens område",
    "en": "Outside the scope of VAT",
}
_EXEMPT = {
    "fi": "Arvonlisäveroton",
    "sv": "Momsfri",
    "nb": "Unntatt fra merverdiavgift",
    "en": "Exempt from VAT",
}


class Exemption(NamedTuple):
    """A reason in words, and its code of the VATEX list where there is one; empty where none is asked."""

    text: str
    code: str


def exemption(category: str, language: str) -> Exemption:
    """Return why a VAT category has no VAT; empty for rates, zero included."""
    if category == "O":
        return Exemption(_OUTSIDE[language], "VATEX-EU-O")
    if category == "E":
        return Exemption(_EXEMPT[language], "")
    return Exemption("", "")
