import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meterhub.assets.key_formats import KeyListError, read_key_list

KEY = "000102030405060708090A0B0C0D0E0F"
OTHER = "F0E1D2C3B4A5968778695A4B3C2D1E0F"


def read(text, encoding="utf-8", **how):
    return read_key_list(text.encode(encoding), **how)


def rows(text, encoding="utf-8", **how):
    found = read(text, encoding, **how)
    assert found.faults == {}
    return [(row.manufacturer, row.serial, row.key.hex().upper()) for row in found.rows]


@pytest.mark.parametrize(
    "header",
    [
        "Manufacturer;Serial number;AES key",
        "Hersteller;Zählernummer;Schlüssel",
        "HERSTELLER;Funk-Nummer;AES-128 Key",
        "Valmistaja;Sarjanumero;Salausavain",
        "Produsent;Målernummer;Krypteringsnøkkel",
        "mfr;OMS-ID;DEK",
        '"vendor id";"Meter No.";"Encryption_Key"',
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_columns_are_known_by_many_names(header, encoding):
    assert rows(f"{header}\r\nDME;12345678;{KEY}\r\n", encoding) == [("DME", "12345678", KEY)]


@pytest.mark.parametrize("separator", [";", ",", "\t", "|"])
def test_columns_stand_in_any_order_among_others_with_any_separator(separator):
    lines = [["Note", "Key", "Type", "Serial", "Manufacturer"], ["x", KEY.lower(), "HYDRUS", "00000007", "dme"]]
    assert rows("\n".join(map(separator.join, lines))) == [("DME", "00000007", KEY)]


def test_a_title_above_the_names_is_passed_over():
    assert rows(f"Delivery 4711;;\n;;\nSerial;Key;Man\n7;{KEY};AXI") == [("AXI", "00000007", KEY)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"AAA;00000001;{KEY}\nBBB;00000002;{OTHER}\n", [("AAA", "00000001", KEY), ("BBB", "00000002", OTHER)]),
        (f"00000001,{KEY}\n", [("", "00000001", KEY)]),
    ],
)
def test_a_table_without_names_has_serial_and_key_last(text, expected):
    assert rows(text) == expected


@pytest.mark.parametrize(
    "written",
    [
        "00-01-02-03-04-05-06-07-08-09-0A-0B-0C-0D-0E-0F",
        "00:01:02:03:04:05:06:07:08:09:0a:0b:0c:0d:0e:0f",
        f"0x{KEY}",
        f'="{KEY}"',
    ],
)
def test_keys_are_read_as_lists_write_them(written):
    assert rows(f"serial,key\n12345678,{written}\n") == [("", "12345678", KEY)]


@pytest.mark.parametrize("serial", ["8DME0012345678", "8 DME 00 12345678", "8dme-00-1234-5678"])
def test_a_device_number_names_the_manufacturer_too(serial):
    assert rows(f"serial;key\n{serial};{KEY}\n") == [("DME", "12345678", KEY)]


@pytest.mark.parametrize("manufacturer", ["Diehl Metering GmbH", "", "D1", "0x11A5"])
def test_a_manufacturer_that_is_no_code_leaves_the_meter_to_be_found_by_its_serial(manufacturer):
    assert rows(f"man;serial;key\n{manufacturer};12345678;{KEY}\n") == [("", "12345678", KEY)]


def test_unusual_names_can_be_told():
    text = f"A;B;C;D\nDME;1;{OTHER};{KEY}\n"
    told = {"manufacturer": "a", "serial": "b", "key": "D"}
    assert rows(text, columns=told) == [("DME", "00000001", KEY)]
    with pytest.raises(KeyListError, match="no line names the columns manufacturer, X, key"):
        read(text, columns={"serial": "X"})


def test_of_two_columns_that_may_be_the_serial_neither_is_guessed():
    text = f"Meter number;Radio ID;Key\n1;2;{KEY}\n"
    with pytest.raises(KeyListError, match="'Meter number' and 'Radio ID' may both be the serial"):
        read(text)
    assert rows(text, columns={"serial": "Radio ID"}) == [("", "00000002", KEY)]


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        (f"DME,123456789,{KEY}", "'123456789' is no serial: 8 digits are needed"),
        (f"DME,,{KEY}", "the serial is missing"),
        (f"KAM,8DME0012345678,{KEY}", "the manufacturer is KAM, the serial says DME"),
        ("DME,1,1.0203E+30", "a spreadsheet has made a number of the key: export the column as text"),
        (f"DME,1,{KEY[:-1]}", "a key has 32 hex digits (16 for the older kind); this one has 31 characters"),
        (f"DME,1,{KEY[:16]} {KEY[16:]}", "the key has blanks in it: write its hex digits together"),
        (f"DME,1,{KEY},left over", "has 4 columns, the line of names has 3"),
        ("DME,1", "has 2 columns, the line of names has 3"),
    ],
)
def test_what_is_wrong_with_a_row_is_said_without_its_key_and_the_others_are_read(row, fault):
    found = read(f"man,serial,key\n{row}\n,,\nDME,7,{OTHER},,\n")
    assert found.faults == {"line 2": fault}
    assert [each.place for each in found.rows] == ["line 4"]
    assert KEY[:16] not in fault


def test_a_list_of_keys_does_not_print_them():
    assert KEY.lower() not in repr(read(f"1,{KEY}\n"))


CELLS = st.sampled_from(
    ["manufacturer", "serial", "key", "KAM", "00000001", "8DME0012345678", KEY, '="1"', '"', ""]
)


@given(st.lists(st.lists(CELLS | st.text(max_size=8), max_size=5).map(";".join), max_size=8).map("\n".join))
def test_any_table_is_rows_and_faults_or_one_clear_error(text):
    with contextlib.suppress(KeyListError):
        found = read(text.replace("\ud800", ""), "utf-8")
        assert found.rows or found.faults
        assert all(len(row.serial) == 8 and len(row.key) in (8, 16) for row in found.rows)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_list_or_one_clear_error(content):
    with contextlib.suppress(KeyListError):
        read_key_list(content, password="p")


MAN = st.text(st.characters(min_codepoint=65, max_codepoint=90), min_size=3, max_size=3)
SERIAL = st.integers(0, 99_999_999).map("{:08}".format)
LISTS = st.lists(st.tuples(MAN, SERIAL, st.binary(min_size=16, max_size=16)), min_size=1, max_size=20)


@given(LISTS, st.permutations(["manufacturer", "serial", "key"]), st.sampled_from(";,\t|"))
def test_what_is_written_is_read(keys, order, separator):
    lines = [separator.join(order)]
    for man, serial, key in keys:
        row = {"manufacturer": man, "serial": serial, "key": key.hex()}
        lines.append(separator.join(row[name] for name in order))
    assert rows("\n".join(lines)) == [(man, serial, key.hex().upper()) for man, serial, key in keys]
