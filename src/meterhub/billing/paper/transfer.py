"""The payment part of a sheet: the Finnish transfer form with bank barcode and EPC QR, the Norwegian giro."""

from datetime import date
from decimal import Decimal

from meterhub.billing.documents.language import Language
from meterhub.billing.documents.model import IssuedDocument, Letter, Seller
from meterhub.billing.paper.drawing import barcode_svg, qr_svg
from meterhub.billing.paper.writing import Sheet, printed_account, printed_reference
from meterhub.billing.receivables.barcode import bank_barcode
from meterhub.billing.receivables.identifiers import compact

LONGEST_QR_NAME = 70
# EPC069-12: nothing above this can be paid by QR code.
LARGEST_QR_AMOUNT = Decimal("999999999.99")


def transfer(document: IssuedDocument | Letter, amount: Decimal) -> Sheet | None:
    """Return the payment part; None where nothing is to be paid."""
    if amount <= 0:
        return None
    seller, language = document.seller, document.language
    whole, _, cents = f"{amount:.2f}".partition(".")
    buyer = document.buyer
    shown: Sheet = {
        "form": "giro" if document.country == "NO" else "transfer",
        "account": printed_no_account(seller.iban) if document.country == "NO" else printed_account(seller.iban),
        "bic": seller.bic,
        "payee": seller.name,
        "payee_lines": [seller.name, seller.address.street, f"{seller.address.postal_code} {seller.address.city}"],
        "payer": ", ".join(
            (buyer.name, buyer.address.street, f"{buyer.address.postal_code} {buyer.address.city}")
        ),
        "reference": printed_reference(document.reference),
        "due": language.day(document.due_on),
        "amount": language.number(amount, 2),
        "kroner": _grouped(whole, language),
        "ore": cents,
        "digits": "",
        "barcode": "",
        "qr": "",
    }
    if seller.iban.startswith("FI"):
        barcode = bank_barcode(seller.iban, amount, document.reference, document.due_on)
        shown |= {"digits": barcode.digits, "barcode": barcode_svg(barcode.digits)}
    if document.currency == "EUR" and amount <= LARGEST_QR_AMOUNT:
        shown["qr"] = qr_svg(epc_qr(seller, amount, document.reference, document.due_on))
    return shown


def epc_qr(seller: Seller, amount: Decimal, reference: str, due_on: date) -> str:
    """Return the content of the QR code of a SEPA credit transfer (EPC069-12 version 001, Finnish due date)."""
    return "\n".join(
        (
            "BCD",
            "001",
            "1",
            "SCT",
            seller.bic,
            seller.name[:LONGEST_QR_NAME],
            seller.iban,
            f"EUR{amount:.2f}",
            "",
            compact(reference),
            "",
            f"ReqdExctnDt/{due_on.isoformat()}",
        )
    )


def printed_no_account(iban: str) -> str:
    """Return the account inside a Norwegian IBAN as people write it: 8601 11 17947."""
    account = compact(iban)[4:]
    return f"{account[:4]} {account[4:6]} {account[6:]}"


def _grouped(whole: str, language: Language) -> str:
    return language.number(Decimal(whole), 0)
