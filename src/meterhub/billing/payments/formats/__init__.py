"""Formats of bank files, one module each: a module here with a `FORMAT` is a format, nothing else to do."""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from meterhub.billing.payments.model import PaymentFile, PaymentFileError

MAX_BYTES = 64 * 1024 * 1024
MAX_AMOUNT = Decimal(10) ** 9


@dataclass(frozen=True, slots=True)
class Format:
    """How files of one format are recognised (by their first bytes) and read."""

    name: str
    title: str
    recognises: Callable[[bytes], bool]
    parse: Callable[[bytes], PaymentFile]


def formats() -> dict[str, Format]:
    """Return all formats by name."""
    modules = (importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__))
    found = [module.FORMAT for module in modules if hasattr(module, "FORMAT")]
    return {one.name: one for one in sorted(found, key=lambda one: one.name)}


def parse(data: bytes) -> PaymentFile:
    """Read a bank file of any format; raises PaymentFileError."""
    if len(data) > MAX_BYTES:
        raise PaymentFileError(
            "too-large",
            "the file",
            f"has {len(data)} bytes, {MAX_BYTES} is the limit",
            "ask the bank for smaller files",
        )
    known = formats()
    for one in known.values():
        if one.recognises(data):
            return _storable(one.parse(data))
    titles = ", ".join(one.title for one in known.values())
    raise PaymentFileError(
        "unknown-format", "the first line", "is of no format that is known", f"send one of: {titles}"
    )


def _storable(file: PaymentFile) -> PaymentFile:
    """Refuse amounts that no water bill comes to, long before the ledger's columns would."""
    for payment in file.payments:
        if abs(payment.amount) >= MAX_AMOUNT:
            raise PaymentFileError(
                "bad-amount",
                payment.where,
                f"is a payment of {payment.amount}",
                "ask the bank whether that is right",
            )
    return file
