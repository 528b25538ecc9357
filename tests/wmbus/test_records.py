from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meterhub.wmbus import Record, values
from meterhub.wmbus.compact import FormatStore
from meterhub.wmbus.crc import crc16
from meterhub.wmbus.encode import DataRecord, encode_records
from meterhub.wmbus.profiles import expand, months_before
from meterhub.wmbus.records import layout_of, parse, read_records, rebuild


def only(hex_bytes: str) -> Record:
    (record,) = read_records(bytes.fromhex(hex_bytes))
    return record


@pytest.mark.parametrize(
    ("hex_bytes", "quantity", "unit", "value"),
    [
        ("0B13436587", "volume", "m3", Decimal("876.543")),
        ("0C1427048502", "volume", "m3", Decimal("28504.27")),
        ("0413FEFFFFFF", "volume", "m3", Decimal("-0.002")),
        ("023BFFFF", "volume flow", "m3/h", Decimal("-0.001")),
        ("0C13670512F0", "volume", "m3", Decimal("-120.567")),
        ("01FB1007", "volume", "m3", Decimal(700)),
        ("0259F0D8", "flow temperature", "C", Decimal("-100.00")),
        ("05130000C03F", "volume", "m3", Decimal("0.0015")),
        ("0513CDCCCC3D", "volume", "m3", Decimal("0.0001")),
        ("01FD481D", "voltage", "V", Decimal("2.9")),
        ("0374100000", "actuality duration", "s", Decimal(16)),
        ("0406017D0000", "energy", "kWh", Decimal(32001)),
        ("02FD170100", "error flags", "", 1),
        ("02FD1700F0", "error flags", "", 0xF000),
        ("0E79678372082100", "enhanced identification", "", "002108728367"),
        ("426CBF2C", "date", "", "2021-12-31"),
        ("046D2A0DC62C", "datetime", "", "2022-12-06 13:42"),
        ("066D18260AEB2500", "datetime", "", "2023-05-11 10:38:24"),
        ("066D2C1AA1D52100", "datetime", "", "2022-01-21 01:26:44"),
        ("036D3B3B17", "datetime", "", "23:59:59"),
        ("0DFD11034D5554", "customer", "", "TUM"),
        ("0D13C21234", "volume", "m3", Decimal("3.412")),
        ("0D13D21234", "volume", "m3", Decimal("-3.412")),
        ("0D13E20100", "volume", "m3", Decimal("0.001")),
        ("0193700A", "volume", "m3", Decimal("0.000000010")),
        ("01937D0A", "volume", "m3", Decimal(10)),
    ],
)
def test_records_read_as_the_standard_says(hex_bytes: str, quantity: str, unit: str, value: object) -> None:
    record = only(hex_bytes)
    assert (record.quantity, record.unit) == (quantity, unit)
    assert record.value == value


@pytest.mark.parametrize(
    "hex_bytes",
    [
        "041300000080",
        "0C13FFFFFFFF",
        "0C131234A567",
        "05130000C07F",
        "0513000080FF",
        "426CFFFF",
        "426C0000",
        "426CEF2F",
        "046D80000000",
        "046DFFFFFFFF",
        "036DFFFFFF",
        "066D0080AEEB2500",
        "04931512345678",
        "04931812345678",
        "0E78FFFFFFFFFFFF",
    ],
)
def test_invalid_markers_are_absent_and_not_zero(hex_bytes: str) -> None:
    assert only(hex_bytes).value is None


def test_storage_tariff_and_subunit_are_put_together_from_all_extensions() -> None:
    record = only("C4F1E24213" + "01000000".rjust(8, "0"))
    # DIF bit 6, then nibbles 1 and 2 and 2: 1 + 1*2 + 2*32 + 2*512
    assert record.storage == 1 + (1 << 1) + (2 << 5) + (2 << 9)
    assert record.tariff_register == 3 + (2 << 2) + (0 << 4)
    assert record.subunit == 0b111


@pytest.mark.parametrize(
    ("header", "function"), [("04", "instantaneous"), ("14", "maximum"), ("24", "minimum"), ("34", "during error")]
)
def test_the_function_field_is_named(header: str, function: str) -> None:
    assert only(header + "1300000000").function == function


def test_qualifiers_are_kept_in_order_and_unknown_ones_marked() -> None:
    assert only("04933C00000000").qualifiers == ("backward",)
    assert only("0493BB1A00000000").qualifiers == ("forward", "unknown_1A")
    assert only("8101E7FF0F13").qualifiers == ("manufacturer 0F",)
    assert only("04FD971D80800000").qualifiers == ("standard conform",)
    assert only("03FD971C000000").value == 0


def test_unknown_codes_keep_their_number_in_the_quantity() -> None:
    assert only("04EF010A000000").quantity == "unknown_EF01"
    assert only("01FD7A0A").quantity == "unknown_FD7A"


def test_a_plain_text_unit_is_read_with_and_without_vife() -> None:
    record = only("027C034D55540A00")
    assert (record.quantity, record.unit, record.value) == ("plain text unit", "TUM", Decimal(10))
    qualified = only("02FC034D55543B0A00")
    assert (qualified.unit, qualified.qualifiers, qualified.value) == ("TUM", ("forward",), Decimal(10))


def test_fillers_are_skipped_and_manufacturer_data_ends_the_records() -> None:
    parsed = parse(bytes.fromhex("2F2F0B134365872F0F010203"))
    assert [item.value for item in parsed.items] == [Decimal("876.543")]
    assert parsed.manufacturer_data == b"\1\2\3"


@pytest.mark.parametrize(
    ("tail", "code", "offset"),
    [
        ("023B", "record-truncated", 25),
        ("84", "record-truncated", 25),
        ("0D78", "record-truncated", 25),
        ("0D7808AA", "record-truncated", 25),
        ("0D78FA", "record-invalid", 25),
        ("3F", "dif-reserved", 25),
        ("8181818181818181818181810113", "record-invalid", 25),
        ("0493BBBBBBBBBBBBBBBBBBBBBBBB3B00", "record-invalid", 25),
        ("027CFF", "record-truncated", 25),
    ],
)
def test_a_bad_record_keeps_those_before_it_and_says_where_it_starts(tail: str, code: str, offset: int) -> None:
    parsed = parse(bytes.fromhex("0B13436587" + tail), base=20)
    assert [item.value for item in parsed.items] == [Decimal("876.543")]
    assert [(entry.layer, entry.code, entry.offset) for entry in parsed.diagnostics] == [("apl", code, offset)]


@given(st.binary(max_size=120))
def test_any_bytes_parse_to_records_and_diagnostics(data: bytes) -> None:
    parsed = parse(data)
    for item in parsed.items:
        assert item.header.raw in data
        item.record()


numbers = st.tuples(
    st.sampled_from(["0413", "04933B", "840113", "0C13", "023B", "0B3B", "0759"]), st.integers(-999, 32767)
)


@given(st.lists(numbers, max_size=12))
def test_numbers_read_back_as_they_were_encoded(pairs: list[tuple[str, int]]) -> None:
    scale = {"59": Decimal("0.01")}
    records = [
        DataRecord.of(header, number * scale.get(header[-2:], Decimal("0.001"))) for header, number in pairs
    ]
    read = read_records(encode_records(records))
    assert [record.value for record in read] == [record.value for record in records]


@given(st.datetimes(min_value=values.datetime(2000, 1, 1), max_value=values.datetime(2099, 12, 31)))
def test_moments_read_back_to_the_minute(when: values.datetime) -> None:
    raw = encode_records([DataRecord.of("046D", when), DataRecord.of("426C", when.date())])
    minute, day = read_records(raw)
    assert minute.value == when.strftime("%Y-%m-%d %H:%M")
    assert day.value == (when.strftime("%Y-%m-%d") if when.year <= 2080 else day.value)


@given(st.sampled_from(["0413", "0C13", "023B", "426C", "046D", "066D", "0513", "0778"]))
def test_no_value_reads_back_as_no_value(header: str) -> None:
    (record,) = read_records(encode_records([DataRecord.of(header, None)]))
    assert record.value is None or header == "0778"


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("023B", Decimal(99)),
        ("0413", Decimal("0.0001")),
        ("0C13", Decimal(1000000)),
        ("0D78", Decimal(1)),
        ("046D", Decimal(1)),
    ],
)
def test_a_value_that_does_not_fit_is_refused(header: str, value: Decimal) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - each kind has its own wording
        encode_records([DataRecord.of(header, value)])


def test_the_kamstrup_format_is_rebuilt_as_published() -> None:
    layout = FormatStore().get(0xA8ED)
    assert layout == bytes.fromhex("02FF2004134413615B6167")
    full = rebuild(layout, bytes.fromhex("710008190000081900007F13"))
    assert full.hex().upper() == "02FF207100041308190000441308190000615B7F616713"
    assert crc16(full) == 0xB66A


def test_values_that_do_not_fill_the_format_are_refused() -> None:
    layout = bytes.fromhex("04130213")
    for data in (bytes(5), bytes(7), b""):
        with pytest.raises(ValueError, match=r"bytes|values"):
            rebuild(layout, data)


def test_a_layout_is_the_headers_without_fillers_and_values() -> None:
    assert layout_of(parse(bytes.fromhex("2F2F0B134365872F023B0000"))).hex() == "0b13023b"


def test_the_store_forgets_the_oldest_format_and_refuses_a_wrong_signature() -> None:
    store = FormatStore(limit=2)
    layouts = [bytes.fromhex(text) for text in ("0413", "0C13", "0B13")]
    assert [store.learn(crc16(layout), layout) for layout in layouts] == [True, True, True]
    assert store.get(crc16(layouts[0])) is None
    assert store.get(crc16(layouts[2])) == layouts[2]
    assert not store.learn(crc16(layouts[2]), layouts[2])
    again = FormatStore()
    again.update([*store.learned().items(), (1, b"\4\x13")])
    assert again.learned() == store.learned()


def profile(qualifier: str, body: str) -> Record:
    return only("0D93" + qualifier + f"{len(body) // 2:02X}" + body)


def test_an_inverse_profile_goes_back_from_its_base() -> None:
    series = expand(profile("13", "72FE05000700"), 1000)
    assert (series.unit, series.spacing, series.numbers) == ("month", 1, (995, 988))


def test_profiles_of_all_modes() -> None:
    assert expand(profile("1E", "33FE010000000080FFFFFF"), None).numbers == (1, None, None)
    assert expand(profile("1E", "620105000700"), 10).numbers == (15, 22)
    assert expand(profile("13", "A20105000700"), 10).numbers == (15, 22)
    assert expand(profile("1E", "E20105000080"), 10).numbers == (15,)
    assert expand(profile("1E", "62FE0500"), 10).unit == "month"
    for reserved in ("72FB", "02FE", "70FE", "72"):
        with pytest.raises(ValueError, match=r"profile"):
            expand(profile("1E", reserved), 0)


@pytest.mark.parametrize(
    ("day", "months", "earlier"),
    [
        ("2024-03-31", 1, "2024-02-29"),
        ("2020-12-31", 11, "2020-01-31"),
        ("2022-09-23", 13, "2021-08-23"),
        ("2023-03-30", 1, "2023-02-28"),
    ],
)
def test_a_month_end_stays_a_month_end(day: str, months: int, earlier: str) -> None:
    assert months_before(values.date.fromisoformat(day), months).isoformat() == earlier
