"""ISO 20022 camt.054, a notification of booked payments."""

from meterhub.billing.payments import camt
from meterhub.billing.payments.formats import Format
from meterhub.billing.payments.model import PaymentFile

NAME = "camt.054"


def recognises(data: bytes) -> bool:
    """Tell whether the file is a notification."""
    return camt.recognises(data, NAME)


def parse(data: bytes) -> PaymentFile:
    """Read a notification; raises PaymentFileError."""
    return camt.parse(data, NAME, "BkToCstmrDbtCdtNtfctn", "Ntfctn")


FORMAT = Format(NAME, "camt.054 notification", recognises, parse)
