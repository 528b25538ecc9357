import pytest
from hypothesis import given
from hypothesis import strategies as st

from meterhub.wmbus import Address, BadCRC, Truncated, addresses, fingerprint, strip_crc
from meterhub.wmbus.coding import CodingError, decode_3of6, decode_manchester, encode_3of6, encode_manchester
from meterhub.wmbus.crc import crc16
from meterhub.wmbus.dll import add_crc_a, add_crc_b, address_bytes, address_of, manufacturer_bytes

FRAME_A = bytes.fromhex("0F44AE0C7856341201074447780B134365871E6D")
FRAME_B = bytes.fromhex("1444AE0C7856341201078C2027780B134365877AC5")
RELAYED = bytes.fromhex("24442D2C692845631B168D3050209CD621B006B1140AEF4953AE5B86FAFC0B00E70705B846")

bodies = st.binary(min_size=2, max_size=230).map(lambda body: bytes((9 + len(body),)) + b"\x44" + bytes(8) + body)


def test_the_crc_has_the_check_value_of_the_standard() -> None:
    assert crc16(b"123456789") == 0xC2B7
    assert crc16(b"") == 0xFFFF


@given(st.binary(max_size=80))
def test_the_word_wise_crc_is_the_bit_wise_one(data: bytes) -> None:
    register = 0
    for byte in data:
        register ^= byte << 8
        for _ in range(8):
            register = (register << 1 ^ 0x3D65 if register & 0x8000 else register << 1) & 0xFFFF
    assert crc16(data) == register ^ 0xFFFF


def test_format_a_is_recognised_and_stripped() -> None:
    link = strip_crc(FRAME_A)
    assert (link.frame.hex(), link.format, link.crc) == ("0f44ae0c785634120107780b13436587", "A", "checked")


def test_format_b_is_recognised_and_its_length_corrected() -> None:
    link = strip_crc(FRAME_B)
    assert (link.frame[0], link.format, link.crc) == (0x12, "B", "checked")
    assert len(link.frame) == 0x13


def test_a_frame_with_a_bad_crc_is_reported_with_the_offset_of_its_block() -> None:
    with pytest.raises(BadCRC) as caught:
        strip_crc(FRAME_A[:-1] + b"\0")
    assert (caught.value.code, caught.value.layer, caught.value.offset) == ("bad-crc", "dll", 12)


@pytest.mark.parametrize("raw", [b"", b"\x0f", FRAME_A[:15], FRAME_A[:-3]])
def test_a_frame_that_ends_too_early_is_truncated(raw: bytes) -> None:
    with pytest.raises(Truncated):
        strip_crc(raw)


def test_a_signal_strength_byte_behind_the_frame_is_cut_off() -> None:
    frame = strip_crc(FRAME_A).frame
    assert strip_crc(frame + b"\x91").frame == frame


@given(bodies)
def test_both_formats_are_undone_by_stripping(frame: bytes) -> None:
    assert strip_crc(add_crc_a(frame)).frame == frame
    if len(frame) <= 252:
        assert strip_crc(add_crc_b(frame)).frame == frame


@given(st.integers(0, 7), st.data())
def test_no_single_flipped_bit_passes_format_a(bit: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(1, len(FRAME_A) - 1))
    damaged = bytearray(FRAME_A)
    damaged[index] ^= 1 << bit
    with pytest.raises(BadCRC):
        strip_crc(bytes(damaged))


@given(st.binary(max_size=60))
def test_3_of_6_and_manchester_are_undone_by_decoding(data: bytes) -> None:
    assert decode_3of6(encode_3of6(data), len(data)) == data
    assert decode_manchester(encode_manchester(data)) == data


def test_a_chip_error_is_named_with_the_byte_it_hits() -> None:
    chips = bytearray(encode_3of6(b"\x44\x2d\x2c"))
    chips[2] ^= 0x10
    with pytest.raises(CodingError) as caught:
        decode_3of6(bytes(chips), 3)
    assert caught.value.offset == 1
    with pytest.raises(CodingError):
        decode_manchester(b"\xaa\xab")
    with pytest.raises(Truncated):
        decode_manchester(b"\xaa")
    with pytest.raises(Truncated):
        decode_3of6(b"\x58", 2)


@pytest.mark.parametrize(
    ("letters", "on_air"),
    [
        ("KAM", "2D2C"),
        ("SEN", "AE4C"),
        ("DME", "A511"),
        ("SAP", "304C"),
        ("AXI", "0907"),
        ("ZRI", "496A"),
        ("TCH", "6850"),
    ],
)
def test_manufacturers_have_the_bytes_known_from_the_air(letters: str, on_air: str) -> None:
    assert manufacturer_bytes(letters).hex().upper() == on_air
    assert address_of(bytes.fromhex(on_air) + bytes(6)).manufacturer == letters


def test_the_local_address_bit_does_not_change_the_letters() -> None:
    assert address_of(bytes.fromhex("1486") + bytes(6)).manufacturer == "APT"


def test_a_serial_keeps_its_hex_digits_and_leading_zeros() -> None:
    address = address_of(bytes.fromhex("24238b9012000607"))
    assert address == Address("HYD", "0012908b", 6, 7)
    assert address_bytes(address).hex() == "24238b9012000607"


def test_the_transport_address_comes_before_the_link_address() -> None:
    frame = strip_crc(
        bytes.fromhex(
            "2D44934444332211553769EF7288776655934455080004100500DFE227F9A782146D1513581CD2F83F39040CFD1040C4785634128134"
        )
    ).frame
    assert [found.serial for found in addresses(frame)] == ["55667788", "11223344"]


def test_addresses_of_makers_with_swapped_order_are_offered_both_ways() -> None:
    frame = bytes.fromhex("1944A511780779194820A121170013355F8EDB2D03C6912B1E37")
    assert Address("DME", "20481979", 0x78, 7) in addresses(frame)


@given(st.binary(max_size=40))
def test_addresses_of_any_bytes_do_not_fail(frame: bytes) -> None:
    assert len(addresses(frame)) <= 3


def test_a_relayed_copy_has_the_same_fingerprint() -> None:
    direct = RELAYED[:11] + b"\x20" + RELAYED[12:]
    repeated = RELAYED[:11] + b"\x32" + RELAYED[12:]
    assert fingerprint(RELAYED) == fingerprint(direct) == fingerprint(repeated)
    assert -(2**63) <= fingerprint(RELAYED) < 2**63


@pytest.mark.parametrize(
    "frame",
    [
        "1E4409072507001110077AAD001025EBD0C33EE72D9E44C2F595C692DB418E",
        "3044A511542000117007900F002C25B0120000C9E820D579C39C617A3F00100710676DFA34EC40D9402E49F63CB2B6F0EE",
        "1444AE4C6108001168077AF3000000041324023B01",
    ],
)
def test_a_frame_that_ends_by_chance_like_format_b_has_one_fingerprint_in_every_form(frame: str) -> None:
    trimmed = bytes.fromhex(frame)
    assert strip_crc(trimmed).format == "B"
    forms = (trimmed, add_crc_a(trimmed), add_crc_b(trimmed))
    assert len({fingerprint(strip_crc(form).frame) for form in forms}) == 1


@given(st.binary(min_size=10, max_size=240))
def test_every_form_of_a_frame_has_the_same_fingerprint(content: bytes) -> None:
    trimmed = bytes((len(content),)) + content
    forms = (trimmed, add_crc_a(trimmed), add_crc_b(trimmed))
    assert len({fingerprint(strip_crc(form).frame) for form in forms}) == 1


@given(st.binary(max_size=20), st.integers(0, 3))
def test_whatever_came_in_has_a_fingerprint(noise: bytes, length: int) -> None:
    for raw in (noise, bytes((length,)) + noise):
        assert isinstance(fingerprint(raw + crc16(raw).to_bytes(2, "big")), int)
        assert isinstance(fingerprint(raw), int)


def test_no_address_is_read_out_of_what_the_extended_link_layer_encrypts() -> None:
    kamstrup = Address("KAM", "76348799", 0x1B, 0x16)
    head = b"\x30\x44" + address_bytes(kamstrup) + bytes.fromhex("8D2001")
    rest = bytes.fromhex("1234720102030405060708090A0B0C0D0E0F")
    assert addresses(head + bytes.fromhex("01020320") + rest) == (kamstrup,)
    assert len(addresses(head + bytes.fromhex("01020300") + rest)) == 2


def test_another_telegram_has_another_fingerprint() -> None:
    assert fingerprint(RELAYED) != fingerprint(RELAYED[:-1] + b"\0")
    assert fingerprint(RELAYED) != fingerprint(RELAYED[:11] + b"\x38" + RELAYED[12:])
