import contextlib
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meterhub.wmbus import Address
from meterhub.wmbus.captures.key_file import parse_keys

KEY = "000102030405060708090A0B0C0D0E0F"
OTHER = "F0E1D2C3B4A5968778695A4B3C2D1E0F"


def meter(manufacturer: str, serial: str) -> Address:
    return Address(manufacturer, serial, 1, 7)


@pytest.mark.parametrize(
    "text",
    [
        f"manufacturer,serial,key\nELS,12345678,{KEY}\n",
        f"\ufeffKey;Serial;Manufacturer\n{KEY.lower()};12345678;els\n",
        f"ELS,12345678,{KEY}\n",
        f"# keys\n\n12345678,{KEY}\n",
        f"serial,name,key\n12345678,cellar,{KEY}\n",
        json.dumps({"manufacturer": "ELS", "serial": "12345678", "key": KEY}),
        json.dumps({"id": 12345678, "key": KEY}),
    ],
)
def test_a_meters_key_is_found(text: str) -> None:
    keys = parse_keys(text)
    assert keys.lookup(meter("ELS", "12345678")) == bytes.fromhex(KEY)
    assert keys.lookup(meter("ELS", "12345679")) is None


def test_the_key_for_a_maker_comes_before_the_key_for_any_maker() -> None:
    keys = parse_keys(f"manufacturer,serial,key\nELS,00000007,{KEY}\n,7,{OTHER}\n")
    assert keys.lookup(meter("ELS", "00000007")) == bytes.fromhex(KEY)
    assert keys.lookup(meter("KAM", "00000007")) == bytes.fromhex(OTHER)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "there are no keys in it"),
        (f"ELS,12345678,{KEY[:-1]}", "line 1: the key: 31 hex digits are an odd number, two make a byte"),
        (f"ELS,12345678,{KEY[:-2]}", "line 1: the key has 30 hex digits, 32 are needed"),
        (f"serial,key\n1,{KEY}\n2,{KEY[:-1]}x", "line 3: the key: character 32 is not a hex digit"),
        (f"ELS,1,{KEY}\nELS,00000001,{OTHER}", "line 2: ELS 00000001 is also in line 1"),
        (f"{KEY}", "line 1: manufacturer, serial and key are needed, or serial and key"),
        (f"serial,key\n1,{KEY},2", "line 2: manufacturer, serial and key are needed, or serial and key"),
        ('{"serial": "1"}', "line 1: the key is missing"),
        ('{"serial": ', "line 1: it starts like JSON but is none"),
    ],
)
def test_what_is_wrong_with_a_key_file_is_said_with_its_line_and_without_keys(text: str, message: str) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(message) + "$"):
        parse_keys(text)


def test_a_table_of_keys_does_not_print_them() -> None:
    assert KEY[:8].lower() not in repr(parse_keys(f"1,{KEY}")).lower()


@given(
    st.text(st.sampled_from('0123456789abcdefABCDEF,;{}":\n keyserial\ufeff'), max_size=120)
    | st.text(max_size=120)
)
def test_any_text_is_keys_or_a_value_error(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert parse_keys(text).keys
