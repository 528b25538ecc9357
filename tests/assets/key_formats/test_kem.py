import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meterhub.assets.key_formats import KeyListError, kem, needs_password, read_key_list
from tests.assets.key_formats import containers

KEY = "000102030405060708090A0B0C0D0E0F"
OTHER = "F0E1D2C3B4A5968778695A4B3C2D1E0F"
METERS = [("76348799", KEY), ("00000007", OTHER)]
PASSWORD = "Vesilaitos-2026"


def rows(content, password=PASSWORD):
    found = read_key_list(content, password=password)
    assert found.faults == {}
    return [(row.manufacturer, row.serial, row.key.hex().upper()) for row in found.rows]


EXPECTED = [("KAM", serial, key) for serial, key in METERS]


@pytest.mark.parametrize("plain", [containers.kem(METERS), containers.kem2(METERS)], ids=["kem", "kem2"])
@pytest.mark.parametrize("pad", [containers.pkcs7, containers.zeros, containers.xmlenc])
@pytest.mark.parametrize("vector", ["key", "zeros", "in front"])
def test_a_container_opens_with_its_password(plain, pad, vector):
    content = containers.encrypted(plain, PASSWORD, pad, vector)
    assert needs_password(content)
    assert rows(content) == EXPECTED


@pytest.mark.parametrize("name", ["A1.kem", "A1.KEM", "A1.kem2"])
def test_a_zipped_container_opens(name):
    content = containers.zipped(containers.encrypted(containers.kem(METERS), PASSWORD), name)
    assert needs_password(content)
    assert rows(content) == EXPECTED


def test_a_container_that_somebody_has_decrypted_needs_no_password():
    content = containers.kem(METERS)
    assert not needs_password(content)
    assert rows(content, None) == EXPECTED
    assert rows(containers.zipped(content, "a.xml"), None) == EXPECTED


def test_another_makers_code_is_believed_and_a_name_is_not():
    assert rows(containers.kem(METERS[:1], vendor="DME")) == [("DME", "76348799", KEY)]
    assert rows(containers.kem(METERS[:1], vendor="Kamstrup A/S")) == [("KAM", "76348799", KEY)]


def test_a_faulty_key_is_named_by_its_meter_and_a_meter_without_key_is_listed():
    found = read_key_list(containers.kem([("1", KEY[:-1]), ("2", ""), ("3", OTHER)]))
    assert found.faults == {
        "meter 1 (1)": "a key has 32 hex digits (16 for the older kind); this one has 31 characters"
    }
    assert found.without_key == ("meter 2 (2)",)
    assert [row.serial for row in found.rows] == ["00000003"]


ENCRYPTED = containers.encrypted(containers.kem(METERS), PASSWORD)


@pytest.mark.parametrize(
    ("content", "password", "problem"),
    [
        (ENCRYPTED, None, "its password is needed"),
        (ENCRYPTED, "wrong", "the password does not open the file, or the file is damaged"),
        (ENCRYPTED, "seventeen letters", "the password has 17 bytes, these files take at most 16"),
        (ENCRYPTED.replace(b"<CipherValue>", b"<CipherValue>!"), PASSWORD, "not base64"),
        (ENCRYPTED.replace(b"<CipherValue>", b"<CipherValue>AAAA"), PASSWORD, "not whole blocks of 16"),
        (ENCRYPTED[:-9], PASSWORD, "the file is not XML"),
        (b"<a/>", PASSWORD, "there are no meters in the file"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', PASSWORD, "it has a document type"),
        (containers.zipped(ENCRYPTED), PASSWORD, "the archive holds 0 .kem files"),
        (containers.zipped(ENCRYPTED, "a.kem", "b.kem"), PASSWORD, "the archive holds 2 .kem files"),
        (containers.zipped(ENCRYPTED, "a.kem")[:-30], PASSWORD, "the archive cannot be read"),
    ],
)
def test_what_is_wrong_with_a_container_is_said(content, password, problem):
    with pytest.raises(KeyListError) as error:
        read_key_list(content, password=password)
    assert problem in error.value.detail
    assert PASSWORD not in error.value.detail


def test_an_archive_that_swells_is_refused(monkeypatch):
    monkeypatch.setattr(kem, "MAX_SIZE", 1000)
    with pytest.raises(KeyListError, match="unpacked"):
        read_key_list(containers.zipped(b" " * 2000, "a.kem"))


@given(st.binary(max_size=300), st.sampled_from([b"<", b"PK\x03\x04", b"<EncryptedData><CipherValue>"]))
def test_any_container_is_a_list_or_one_clear_error(content, start):
    with contextlib.suppress(KeyListError):
        read_key_list(start + content, password=PASSWORD)


@given(st.integers(0, len(ENCRYPTED) - 1), st.integers(1, 255), st.booleans())
def test_a_damaged_container_never_crashes(position, change, as_archive):
    content = containers.zipped(ENCRYPTED, "a.kem") if as_archive else ENCRYPTED
    damaged = bytearray(content)
    damaged[position % len(damaged)] ^= change
    with contextlib.suppress(KeyListError):
        read_key_list(bytes(damaged), password=PASSWORD)


@given(
    st.lists(st.tuples(st.integers(0, 99_999_999).map("{:08}".format), st.binary(min_size=16, max_size=16))),
    st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=16),
    st.sampled_from([containers.pkcs7, containers.zeros, containers.xmlenc]),
)
def test_what_was_packed_comes_out(meters, password, pad):
    meters = [("00000001", bytes(16)), *meters]
    plain = containers.kem([(serial, key.hex()) for serial, key in meters])
    found = read_key_list(containers.encrypted(plain, password, pad), password=password)
    assert [(row.serial, row.key) for row in found.rows] == meters
