"""ISO 20022 camt.053, an account statement."""

from meterhub.billing.payments import camt
from meterhub.billing.payments.formats import Format
from meterhub.billing.payments.model import PaymentFile

NAME = "camt.053"


def recognises(data: bytes) -> bool:
    """Tell whether the file is a statement."""
    return camt.recognises(data, NAME)


def parse(data: bytes) -> PaymentFile:
    """Read a statement; raises PaymentFileError."""
    return camt.parse(data, NAME, "BkToCstmrStmt", "Stmt")


FORMAT = Format(NAME, "camt.053 statement", recognises, parse)
