"""Kamstrup containers as tests need them, made by the published description."""

import base64
import io
import zipfile

from Crypto.Cipher import AES

XMLENC = "http://www.w3.org/2001/04/xmlenc#"


def kem(meters, vendor="KAM"):
    """The list inside a .kem."""
    items = "".join(
        f"<Meter><MeterName>MC21</MeterName><MeterNo>{n}</MeterNo><SerialNo>{serial}</SerialNo>"
        f"<VendorId>{vendor}</VendorId><DEK>{key}</DEK></Meter>"
        for n, (serial, key) in enumerate(meters)
    )
    return f'<?xml version="1.0" encoding="utf-8"?><MetersInOrder orderid="1">{items}</MetersInOrder>'.encode()


def kem2(meters):
    """The list inside a .kem2."""
    items = "".join(
        f"<Device><ShortName>MC21</ShortName><SerialNumber>{serial}</SerialNumber><ManufacturerId>KAM"
        f"</ManufacturerId><Keys><Key><Name>GPK60</Name><Value>{'9' * 32}</Value></Key>"
        f"<Key><Name>DEK</Name><Value>{key}</Value></Key></Keys></Device>"
        for serial, key in meters
    )
    return f'<Devices xmlns="urn:example">{items}</Devices>'.encode()


def pkcs7(plain):
    count = 16 - len(plain) % 16
    return plain + bytes([count]) * count


def zeros(plain):
    return plain + bytes(-len(plain) % 16)


def xmlenc(plain):
    """Padding of XML Encryption: any bytes, the last one counts them."""
    count = 16 - len(plain) % 16
    return plain + b">" * (count - 1) + bytes([count])


def encrypted(plain, password, pad=pkcs7, vector="key"):
    """The container around a list."""
    key = password.encode().ljust(16, b"\0")
    iv = {"key": key, "zeros": bytes(16), "in front": bytes(range(16))}[vector]
    data = AES.new(key, AES.MODE_CBC, iv=iv).encrypt(pad(plain))
    if vector == "in front":
        data = iv + data
    value = base64.encodebytes(data).decode()
    return (
        f'<?xml version="1.0" encoding="utf-8"?><EncryptedData Type="{XMLENC}aes128-cbc" xmlns="{XMLENC}">'
        f'<EncryptionMethod Algorithm="{XMLENC}aes128-cbc" /><CipherData><CipherValue>{value}</CipherValue>'
        "</CipherData></EncryptedData>"
    ).encode()


def zipped(content, *names):
    """A zip archive with this content under each name, beside a schema."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("meter_information_file.xsd", "<schema/>")
        for name in names:
            archive.writestr(name, content)
    return file.getvalue()
