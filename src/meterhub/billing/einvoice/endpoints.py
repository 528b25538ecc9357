"""Electronic addresses of Peppol: a scheme of ISO 6523 and an identifier, as given or as the number tells."""

import re
from typing import NamedTuple

from meterhub.billing.receivables.identifiers import compact, is_orgnr, is_y_tunnus

NO_ORGANISATION = "0192"
FI_OVT = "0216"
FI_BUSINESS_ID = "0212"
FI_VAT_ID = "0213"

_WITH_SCHEME = re.compile(r"([0-9]{4}):(.+)", re.ASCII)
_OVT = re.compile(r"0037[0-9]{8}[0-9A-Z]{0,5}", re.ASCII)
_FI_VAT = re.compile(r"FI[0-9]{8}", re.ASCII)


class Endpoint(NamedTuple):
    """An electronic address."""

    scheme: str
    identifier: str


def endpoint_of(address: str) -> Endpoint | None:
    """Return `scheme:identifier` in its parts, or the scheme that a number alone is of; None if it is of none."""
    text = compact(address).upper()
    given = _WITH_SCHEME.fullmatch(text)
    if given:
        return Endpoint(given[1], given[2])
    if is_orgnr(text):
        return Endpoint(NO_ORGANISATION, text)
    if _OVT.fullmatch(text):
        return Endpoint(FI_OVT, text)
    if is_y_tunnus(text):
        return Endpoint(FI_BUSINESS_ID, text)
    if _FI_VAT.fullmatch(text):
        return Endpoint(FI_VAT_ID, text)
    return None
