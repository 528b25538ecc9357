"""Documents by e-mail: a short text in the customer's language with the PDF, over SMTP."""

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr

from meterhub.billing.delivery.files import file_name
from meterhub.billing.documents.model import IssuedDocument, Letter
from meterhub.errors import BadInput, NotConfigured
from meterhub.settings import Delivery, Settings

TIMEOUT_S = 30


def message(
    settings: Settings, document: IssuedDocument | Letter, to: str | None, pdf: bytes, *, key: str, now: datetime
) -> EmailMessage:
    """Return a document as a message; raises BadInput for an address that is none."""
    language = document.language
    kind = document.kind.value if isinstance(document, Letter) else document.type
    made = EmailMessage()
    made["From"] = Address(display_name=document.seller.name, addr_spec=_sender(settings))
    made["To"] = _recipient(document.buyer.customer_no, to)
    made["Subject"] = f"{language[kind]} {document.number} \N{EN DASH} {document.seller.name}"
    made["Date"] = format_datetime(now)
    made["Message-ID"] = f"<{key}@{_sender(settings).rpartition('@')[2]}>"
    made["Auto-Submitted"] = "auto-generated"
    made.set_content(
        language["email_text"].format(
            title=language[kind],
            number=document.number,
            seller=document.seller.name,
            email=document.seller.email,
            phone=document.seller.phone,
        )
    )
    made.add_attachment(pdf, maintype="application", subtype="pdf", filename=file_name(document.number, ".pdf"))
    return made


@contextmanager
def connected(settings: Settings) -> Iterator[smtplib.SMTP]:
    """Yield a connection to the mail server, encrypted and logged in as set; raises NotConfigured, OSError."""
    chosen = settings.delivery
    if not chosen.smtp_host:
        raise NotConfigured("no mail server is named: set METERHUB_DELIVERY__SMTP_HOST")
    context = ssl.create_default_context()
    server = (
        smtplib.SMTP_SSL(chosen.smtp_host, chosen.smtp_port, timeout=TIMEOUT_S, context=context)
        if chosen.smtp_security == "tls"
        else smtplib.SMTP(chosen.smtp_host, chosen.smtp_port, timeout=TIMEOUT_S)
    )
    with server:
        if chosen.smtp_security == "starttls":
            server.starttls(context=context)
        if chosen.smtp_user:
            server.login(chosen.smtp_user, _password(chosen))
        yield server


def _password(chosen: Delivery) -> str:
    if chosen.smtp_password_file is not None:
        try:
            return chosen.smtp_password_file.read_text().strip()
        except OSError as error:
            raise NotConfigured(f"the password file of the mail server cannot be read: {error.strerror}") from None
    return chosen.smtp_password.get_secret_value() if chosen.smtp_password else ""


def _sender(settings: Settings) -> str:
    return settings.delivery.email_from or settings.utility.email


def _recipient(customer_no: str, to: str | None) -> str:
    address = parseaddr(to or "")[1]
    local, at, domain = address.rpartition("@")
    if not (local and at and domain) or any(character.isspace() for character in address):
        given = "no e-mail address" if not to else "an e-mail address that is none"
        message = f"customer {customer_no} has {given}"
        raise BadInput(f"{message}: correct customer.email, then send again", fields={"customer.email": message})
    return address
