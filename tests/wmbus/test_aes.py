from concurrent.futures import ThreadPoolExecutor

import pytest
from Crypto.Cipher import AES
from Crypto.Hash import CMAC
from hypothesis import given
from hypothesis import strategies as st

from meterhub.wmbus import aes
from meterhub.wmbus.security import cmac, ctr_crypt, session_keys

keys = st.binary(min_size=16, max_size=16)
blocks = st.integers(1, 15).flatmap(lambda count: st.binary(min_size=16 * count, max_size=16 * count))


def test_the_library_is_called_directly_where_cffi_is_installed() -> None:
    pytest.importorskip("cffi", reason="without CFFI cipher objects do the work")
    assert aes.direct() is not None


def test_a_library_without_the_inner_functions_is_used_through_its_objects(monkeypatch) -> None:
    monkeypatch.delattr(AES, "_raw_aes_lib")
    assert aes.direct() is None


@given(keys, keys, blocks)
def test_direct_calls_and_cipher_objects_give_the_same_bytes(key: bytes, iv: bytes, data: bytes) -> None:
    direct, portable = aes.direct() or aes.portable(), aes.portable()
    assert direct.ecb_encrypt(key, data) == portable.ecb_encrypt(key, data)
    sealed = direct.cbc_encrypt(key, iv, data)
    assert sealed == portable.cbc_encrypt(key, iv, data)
    assert direct.cbc_decrypt(key, iv, sealed) == portable.cbc_decrypt(key, iv, sealed) == data


@pytest.mark.parametrize("maker", [aes.direct, aes.portable])
@pytest.mark.parametrize(("key", "data"), [(bytes(8), bytes(16)), (b"", bytes(16)), (bytes(16), bytes(15))])
def test_a_key_or_data_of_the_wrong_size_is_refused(maker, key: bytes, data: bytes) -> None:
    functions = maker() or aes.portable()
    with pytest.raises(ValueError, match=r"16|key|block"):
        functions.ecb_encrypt(key, data)
    with pytest.raises(ValueError, match=r"16|key|block"):
        functions.cbc_decrypt(key, bytes(16), data)


@given(keys, st.binary(max_size=70))
def test_the_mac_is_that_of_the_library(key: bytes, message: bytes) -> None:
    assert cmac(key, message) == CMAC.new(key, message, AES).digest()


@given(keys, keys, st.binary(max_size=70))
def test_the_counter_runs_over_all_sixteen_bytes(key: bytes, counter: bytes, data: bytes) -> None:
    theirs = AES.new(key, AES.MODE_CTR, nonce=b"", initial_value=counter)
    assert ctr_crypt(key, counter, data) == theirs.encrypt(data)


@given(keys, st.binary(min_size=4, max_size=4), st.binary(min_size=4, max_size=4))
def test_session_keys_are_macs_of_constant_counter_and_serial(key: bytes, counter: bytes, serial: bytes) -> None:
    derived = session_keys(key, counter, serial)
    for constant, got in zip((0, 1), derived, strict=True):
        message = bytes((constant,)) + counter + serial + bytes((7,)) * 7
        assert got == CMAC.new(key, message, AES).digest()


def test_threads_do_not_share_the_place_for_results() -> None:
    def many(number: int) -> bool:
        key = bytes((number,)) * 16
        data = key * 8
        expected = AES.new(key, AES.MODE_ECB).encrypt(data)
        return all(aes.ecb_encrypt(key, data) == expected for _ in range(2000))

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(many, range(8)))
