"""Kamstrup's containers of keys: `.kem` and `.kem2`, alone or in a zip archive (`.zip.kem`).

What is known of them is from Kamstrup's user guide of the Encryption Key Service (55123205) and from people who
received them: an XML Encryption element with AES-128-CBC, where the key is the password filled up with zero
bytes to 16, and the initialisation vector is the key again; some writers put zeros or, as XML Encryption has it,
the first block of the data there. Within is XML: `MetersInOrder/Meter` with `SerialNo` and `DEK`, or
`Devices/Device` with `SerialNumber` and a `Name`/`Value` pair named `DEK`. Signatures of `.kem2` are not checked.
"""

import base64
import binascii
import io
import zipfile
import zlib
from collections.abc import Iterator
from xml.etree import ElementTree as ET

from Crypto.Cipher import AES

from meterhub.assets.key_formats.rows import KeyList, KeyListError, KeyRow, row_of

MAX_SIZE = 64 * 2**20
"""Largest container, unpacked [bytes]; a meter takes about 1 KB."""
KAMSTRUP = "KAM"

_BLOCK = 16
_ZIP = b"PK\x03\x04"
_SERIALS = ("SerialNo", "SerialNumber")
_MANUFACTURERS = ("VendorId", "ManufacturerId")


def is_container(content: bytes) -> bool:
    """Tell whether a file is a zip archive or XML."""
    start = content[:200].removeprefix(b"\xef\xbb\xbf").lstrip()
    return content.startswith(_ZIP) or start.startswith(b"<")


def is_encrypted(content: bytes) -> bool:
    """Tell whether a container holds encrypted data, as far as it can be read."""
    return _find(_parse_xml(_unzipped(content)), "CipherValue") is not None


def parse(content: bytes, password: str | None) -> KeyList:
    """Return the keys of a container; the password opens those that are encrypted."""
    root = _parse_xml(_unzipped(content))
    cipher_value = _find(root, "CipherValue")
    if cipher_value is not None:
        root = _decrypted(cipher_value.text or "", password)
    rows: list[KeyRow] = []
    faults: dict[str, str] = {}
    without_key: list[str] = []
    for number, meter in enumerate(_meters(root), 1):
        serial = _text(meter, *_SERIALS)
        place = f"meter {number} ({serial})" if serial else f"meter {number}"
        key = _key(meter)
        if not key:
            without_key.append(place)
            continue
        manufacturer = _text(meter, *_MANUFACTURERS)
        code = manufacturer if len(manufacturer) == len(KAMSTRUP) and manufacturer.isalpha() else KAMSTRUP
        try:
            rows.append(row_of(place, code, serial, key))
        except ValueError as error:
            faults[place] = str(error)
    if not rows and not faults and not without_key:
        raise KeyListError("there are no meters in the file")
    return KeyList(tuple(rows), faults, tuple(without_key))


def _unzipped(content: bytes) -> bytes:
    if not content.startswith(_ZIP):
        return content
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = [name for name in archive.namelist() if name.lower().endswith((".kem", ".kem2", ".xml"))]
            if len(names) != 1:
                raise KeyListError(f"the archive holds {len(names)} .kem files, one is needed")
            with archive.open(names[0]) as member:
                unpacked = member.read(MAX_SIZE + 1)
    except (
        zipfile.BadZipFile,
        zipfile.LargeZipFile,
        RuntimeError,
        NotImplementedError,
        OSError,
        EOFError,
    ) as error:
        raise KeyListError(f"the archive cannot be read: {error}") from None
    except (zlib.error, ValueError) as error:
        raise KeyListError(f"the archive is damaged: {error}") from None
    if len(unpacked) > MAX_SIZE:
        raise KeyListError(f"the archive is over {MAX_SIZE // 2**20} MB unpacked")
    return unpacked


def _parse_xml(content: bytes) -> ET.Element:
    try:
        return _safe_xml(content)
    except ValueError as error:
        raise KeyListError(f"the file is not XML: {error}") from None


def _safe_xml(content: bytes) -> ET.Element:
    """Return the root; a document type is refused, since nothing needs one and entities can swell."""
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise ValueError("it has a document type")
    try:
        return ET.fromstring(content)  # noqa: S314 - without a document type there is nothing to expand
    except (ET.ParseError, LookupError, UnicodeError) as error:
        raise ValueError(str(error)) from None


def _decrypted(cipher_value: str, password: str | None) -> ET.Element:
    if password is None:
        raise KeyListError("the file is encrypted: its password is needed")
    key = password.encode()
    if len(key) > _BLOCK:
        raise KeyListError(f"the password has {len(key)} bytes, these files take at most {_BLOCK}")
    key = key.ljust(_BLOCK, b"\0")
    try:
        data = base64.b64decode("".join(cipher_value.split()), validate=True)
    except binascii.Error:
        raise KeyListError("the encrypted data is not base64") from None
    if not data or len(data) % _BLOCK:
        raise KeyListError(f"the encrypted data has {len(data)} bytes, not whole blocks of {_BLOCK}")
    for vector, body in ((key, data), (bytes(_BLOCK), data), (data[:_BLOCK], data[_BLOCK:])):
        for plain in _unpadded(AES.new(key, AES.MODE_CBC, iv=vector).decrypt(body)):
            try:
                return _safe_xml(plain)
            except ValueError:
                continue
    raise KeyListError("the password does not open the file, or the file is damaged")


def _unpadded(plain: bytes) -> Iterator[bytes]:
    """Yield what may be the text: padding is counted by its last byte, or of zeros, or unknown."""
    if plain and 1 <= plain[-1] <= _BLOCK:
        yield plain[: -plain[-1]]
    yield plain.rstrip(b"\0")
    yield plain[: plain.rfind(b">") + 1]


def _meters(root: ET.Element) -> Iterator[ET.Element]:
    return (element for element in root.iter() if _name(element) in {"Meter", "Device"})


def _key(meter: ET.Element) -> str:
    direct = _text(meter, "DEK")
    if direct:
        return direct
    for element in meter.iter():
        if _text(element, "Name") == "DEK":
            return _text(element, "Value")
    return ""


def _text(parent: ET.Element, *names: str) -> str:
    """Return the text of the first child with one of these names, empty without one."""
    return next((child.text.strip() for child in parent if _name(child) in names and child.text), "")


def _find(root: ET.Element, name: str) -> ET.Element | None:
    return next((element for element in root.iter() if _name(element) == name), None)


def _name(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""
