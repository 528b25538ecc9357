"""The languages in which customers get their documents."""

from meterhub.billing.documents.language import Language
from meterhub.billing.documents.words import en, fi, nb, sv

_MONTHS = {
    "fi": ("tammi", "helmi", "maalis", "huhti", "touko", "kesä",
           "heinä", "elo", "syys", "loka", "marras", "joulu"),
    "sv": ("jan", "feb", "mars", "april", "maj", "juni", "juli", "aug", "sep", "okt", "nov", "dec"),
    "nb": ("jan", "feb", "mars", "april", "mai", "juni", "juli", "aug", "sep", "okt", "nov", "des"),
    "en": ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
}  # fmt: skip

LANGUAGES = {
    code: Language(code, "." if code == "en" else ",", _MONTHS[code], words)
    for code, words in (("fi", fi.WORDS), ("sv", sv.WORDS), ("nb", nb.WORDS), ("en", en.WORDS))
}
