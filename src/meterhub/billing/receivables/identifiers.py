"""References, accounts and organisation numbers of Finland and Norway: check digits made and verified.

Sources: Finance Finland (viitenumero, RF), ISO 11649 and ISO 7064 mod 97-10 (RF, IBAN), Bits (KID, account
numbers), the business registers (Y-tunnus, organisasjonsnummer). Spaces never count.
"""

import re
from collections.abc import Callable, Iterable
from itertools import cycle

from meterhub.billing.rating.errors import RatingError, Reason

VIITE_BASE = re.compile(r"[0-9]{3,19}", re.ASCII)
_VIITE = re.compile(r"[0-9]{4,20}", re.ASCII)
_RF_REFERENCE = re.compile(r"[0-9A-Z]{1,21}", re.ASCII)
_RF = re.compile(r"RF[0-9]{2}[0-9A-Z]{1,21}", re.ASCII)
_KID_BASE = re.compile(r"[0-9]{1,24}", re.ASCII)
_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[0-9A-Z]{11,30}", re.ASCII)
_FI_BBAN = re.compile(r"[0-9]{14}", re.ASCII)
_NO_ACCOUNT = re.compile(r"[0-9]{11}", re.ASCII)
_Y_TUNNUS = re.compile(r"[0-9]{7}-[0-9]", re.ASCII)
_ORGNR = re.compile(r"[0-9]{9}", re.ASCII)

_VIITE_WEIGHTS = (7, 3, 1)
_KID_WEIGHTS = (2, 3, 4, 5, 6, 7)
_NO_ACCOUNT_WEIGHTS = (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)
_Y_TUNNUS_WEIGHTS = (7, 9, 10, 5, 8, 4, 2)
_ORGNR_WEIGHTS = (3, 2, 7, 6, 5, 4, 3, 2)
_PRINTED_GROUP = 5


def compact(value: str) -> str:
    """Return a number without its spaces."""
    return value.replace(" ", "")


def make_viite(base: str) -> str:
    """Return the Finnish reference of a base of 3 to 19 digits, leading zeros dropped; raises bad_reference."""
    digits = compact(base).lstrip("0")
    if not VIITE_BASE.fullmatch(digits):
        raise _bad_reference("base", base, "is not 3 to 19 digits")
    return digits + _viite_check(digits)


def printed_viite(viite: str) -> str:
    """Return a reference in groups of five from the right."""
    first = len(viite) % _PRINTED_GROUP
    groups = [viite[:first]] if first else []
    groups += [viite[at : at + _PRINTED_GROUP] for at in range(first, len(viite), _PRINTED_GROUP)]
    return " ".join(groups)


def is_viite(value: str) -> bool:
    """Tell whether a Finnish reference is right; banks may pad it with zeros on the left."""
    digits = compact(value).lstrip("0")
    return bool(_VIITE.fullmatch(digits)) and _viite_check(digits[:-1]) == digits[-1]


def make_rf(reference: str) -> str:
    """Return the RF creditor reference (ISO 11649) of up to 21 letters and digits; raises bad_reference."""
    body = compact(reference).upper()
    if not _RF_REFERENCE.fullmatch(body):
        raise _bad_reference("reference", reference, "is not 1 to 21 letters and digits")
    return f"RF{98 - _mod97(body + 'RF00'):02}{body}"


def is_rf(value: str) -> bool:
    """Tell whether an RF creditor reference is right."""
    rf = compact(value).upper()
    return bool(_RF.fullmatch(rf)) and _mod97(rf[4:] + rf[:4]) == 1


def make_kid_mod10(base: str) -> str:
    """Return the Norwegian KID of a base of 1 to 24 digits with its Luhn digit; raises bad_reference."""
    digits = _kid_base(base)
    return digits + luhn_check(digits)


def make_kid_mod11(base: str) -> str:
    """Return the Norwegian KID with its mod 11 check, which may be a hyphen; raises bad_reference."""
    digits = _kid_base(base)
    return digits + _kid_mod11_check(digits)


def is_kid_mod10(value: str) -> bool:
    """Tell whether a KID with a Luhn digit is right."""
    kid = compact(value)
    return bool(_KID_BASE.fullmatch(kid[:-1])) and kid[-1] == luhn_check(kid[:-1])


def is_kid_mod11(value: str) -> bool:
    """Tell whether a KID with a mod 11 check is right."""
    kid = compact(value)
    return bool(_KID_BASE.fullmatch(kid[:-1])) and kid[-1] == _kid_mod11_check(kid[:-1])


def luhn_check(digits: str) -> str:
    """Return the Luhn check digit of a string of digits."""
    total = 0
    for digit, factor in zip(reversed(digits), cycle((2, 1)), strict=False):
        product = int(digit) * factor
        total += product // 10 + product % 10
    return str(-total % 10)


def is_iban(value: str) -> bool:
    """Tell whether an IBAN is right; of Finland and Norway the account inside it too."""
    iban = compact(value).upper()
    if not _IBAN.fullmatch(iban) or _mod97(iban[4:] + iban[:4]) != 1:
        return False
    country, bban = iban[:2], iban[4:]
    if country == "FI":
        return bool(_FI_BBAN.fullmatch(bban)) and bban[-1] == luhn_check(bban[:-1])
    if country == "NO":
        return is_no_account(bban)
    return True


def iban_of(country: str, bban: str) -> str:
    """Return the IBAN of a national account number as it stands inside one."""
    return f"{country}{98 - _mod97(f'{bban}{country}00'):02}{bban}"


def same_reference(value: str) -> str:
    """Return what references of one debt share, however they are written.

    Spaces and leading zeros do not count, and an RF reference of digits is its national reference.
    """
    code = compact(value).upper()
    if is_rf(code) and code[4:].isdecimal():
        code = code[4:]
    return code.lstrip("0")


def is_no_account(value: str) -> bool:
    """Tell whether a Norwegian account number of 11 digits is right."""
    digits = compact(value)
    return bool(_NO_ACCOUNT.fullmatch(digits)) and digits[-1] == _mod11_check(digits[:-1], _NO_ACCOUNT_WEIGHTS)


def is_y_tunnus(value: str) -> bool:
    """Tell whether a Finnish business id like 0201256-6 is right."""
    text = compact(value)
    return bool(_Y_TUNNUS.fullmatch(text)) and text[-1] == _mod11_check(text[:7], _Y_TUNNUS_WEIGHTS)


def is_orgnr(value: str) -> bool:
    """Tell whether a Norwegian organisation number of 9 digits is right."""
    digits = compact(value)
    return bool(_ORGNR.fullmatch(digits)) and digits[-1] == _mod11_check(digits[:-1], _ORGNR_WEIGHTS)


VERIFIERS: dict[str, Callable[[str], bool]] = {
    "viite": is_viite,
    "rf": is_rf,
    "kid10": is_kid_mod10,
    "kid11": is_kid_mod11,
    "iban": is_iban,
    "no_account": is_no_account,
    "y_tunnus": is_y_tunnus,
    "orgnr": is_orgnr,
}


def _viite_check(base: str) -> str:
    return str(-_weighted(reversed(base), cycle(_VIITE_WEIGHTS)) % 10)


def _kid_base(base: str) -> str:
    digits = compact(base)
    if not _KID_BASE.fullmatch(digits):
        raise _bad_reference("base", base, "is not 1 to 24 digits")
    return digits


def _kid_mod11_check(base: str) -> str:
    check = -_weighted(reversed(base), cycle(_KID_WEIGHTS)) % 11
    return "-" if check == 10 else str(check)


def _mod11_check(base: str, weights: tuple[int, ...]) -> str | None:
    """Return the check digit; None where eleven less the remainder would be ten and the number is not used."""
    check = -_weighted(base, weights) % 11
    return str(check) if check < 10 else None


def _weighted(digits: Iterable[str], weights: Iterable[int]) -> int:
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=False))


def _mod97(text: str) -> int:
    return int("".join(str(int(character, 36)) for character in text)) % 97


def _bad_reference(field: str, value: str, complaint: str) -> RatingError:
    return RatingError(Reason.BAD_REFERENCE, f"{field}: {value!r} {complaint}")
