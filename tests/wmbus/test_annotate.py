import pytest
from hypothesis import given
from hypothesis import strategies as st

from meterhub.wmbus import FormatStore, FrameError
from meterhub.wmbus import field_words as words
from meterhub.wmbus.annotate import Role, annotate
from meterhub.wmbus.control import C_FIELDS
from meterhub.wmbus.crc import crc16
from meterhub.wmbus.dll import add_crc_a, add_crc_b
from meterhub.wmbus.tpl import LAYOUTS
from tests.wmbus.fixture_files import Fixture, fixtures

FIXTURES = fixtures()
OMS = bytes.fromhex(
    "2E44931578563412330333637A2A0020255923C95AAA26D1B2E7493BC2AD"
    "013EC4A6F6D3529B520EDFF0EA6DEFC955B29D6D69EBF3EC8A"
)
OMS_KEY = bytes.fromhex("0102030405060708090A0B0C0D0E0F11")
KAMSTRUP = bytes.fromhex("24442D2C692845631B168D3050209CD621B006B1140AEF4953AE5B86FAFC0B00E70705B846")
KAMSTRUP_KEY = bytes.fromhex("4E5508544202058100DFEFA06B0934A5")
FULL = bytes.fromhex("2A442D2C998734761B168D2091D37CAC21576C7802FF207100041308190000441308190000615B7F616713")
COMPACT = bytes.fromhex("23442D2C998734761B168D2087D19EAD217F1779EDA86AB6710008190000081900007F13")


def covered(roles: tuple[Role, ...], frame: bytes) -> None:
    """Every byte has exactly one role, and plain bytes are shown as they are."""
    at = 0
    for role in roles:
        assert role.offset == at
        assert role.length == len(role.content) > 0
        if not role.decrypted:
            assert role.content == frame[at : at + role.length]
        at += role.length
    assert at == len(frame)


def lines(roles: tuple[Role, ...]) -> list[str]:
    return [f"{role.offset} {role.layer} {role.name}: {role.value}".rstrip(": ") for role in roles]


@pytest.mark.parametrize("fixture", FIXTURES, ids=lambda fixture: fixture.name)
def test_every_byte_of_a_kept_frame_has_one_role_at_any_length(fixture: Fixture) -> None:
    for frame in fixture.frames:
        for key in (fixture.key, None, bytes(16)):
            for size in range(len(frame) + 1):
                for cut in (frame[:size], bytes((max(size - 1, 0),)) + frame[1:size]):
                    try:
                        roles = annotate(cut, key, FormatStore())
                    except FrameError:
                        continue
                    covered(roles, cut)


LAYERS = st.sampled_from(
    [bytes((ci,)) for ci in (0x72, 0x7A, 0x78, 0x79, 0x8C, 0x8D, 0x8E, 0x8F, 0x90, 0xA2, 0x71)]
)
MAKERS = st.sampled_from([b"\x2d\x2c", b"\x93\x15", b"\x24\x23", b"\xa5\x11", b"\x30\x4c", b"\x01\x06"])


@given(
    MAKERS, st.binary(min_size=6, max_size=6), LAYERS, st.binary(max_size=80), st.sampled_from("tAB"), st.data()
)
def test_any_bytes_behind_a_link_header_are_covered(
    maker: bytes, address: bytes, ci: bytes, rest: bytes, frame_format: str, data: st.DataObject
) -> None:
    body = b"\x44" + maker + address + ci + rest
    frame = bytes((len(body),)) + body
    given_frame = {"t": frame, "A": add_crc_a(frame), "B": add_crc_b(frame)}[frame_format]
    key = data.draw(st.none() | st.binary(min_size=16, max_size=16) | st.binary(max_size=3))
    covered(annotate(given_frame, key), given_frame)


@given(st.binary(max_size=300), st.none() | st.binary(min_size=16, max_size=16))
def test_any_bytes_are_covered_or_a_frame_error(frame: bytes, key: bytes | None) -> None:
    try:
        roles = annotate(frame, key)
    except FrameError:
        return
    covered(roles, frame)


def test_decrypted_bytes_are_shown_plain_between_the_crcs() -> None:
    roles = annotate(OMS, OMS_KEY)
    assert lines(roles)[:17] == [
        "0 dll L-field: 46 bytes follow",
        "1 dll C-field: SND-NR, needs no reply",
        "2 dll M-field: ELS",
        "4 dll serial: 12345678",
        "8 dll device version: 33",
        "9 dll device type: gas",
        "10 crc CRC: matches bytes 0 to 9",
        "12 tpl CI-field: records, short header",
        "13 tpl access number: 42",
        "14 tpl status: no error",
        "15 tpl configuration field: mode 5, AES-128-CBC, 2 blocks of 16 bytes",
        "17 apl check bytes: 2F2F as they should be",
        "19 apl DIF: 8 digit BCD, instantaneous",
        "20 apl VIF: volume in m3, times 0.01",
        "21 apl value: volume = 28504.27 m3",
        "25 apl DIF: 32 bit integer, instantaneous",
        "26 apl VIF: datetime",
    ]
    date = [role for role in roles if role.record == 1]
    assert [(role.name, role.content.hex()) for role in date[2:]] == [
        ("value", "32"),
        ("value (continued)", "371f15"),
    ]
    assert all(role.decrypted for role in roles if role.layer == "apl")


def test_what_no_key_opens_is_encrypted() -> None:
    for key in (None, OMS_KEY[::-1]):
        encrypted = [role for role in annotate(OMS, key) if role.layer == "apl"]
        assert {role.name for role in encrypted} == {"encrypted", "encrypted (continued)"}
        assert sum(role.length for role in encrypted) == 32
        assert not any(role.decrypted for role in encrypted)
    closed = annotate(KAMSTRUP)
    assert lines(closed)[-1] == "17 ell encrypted: payload CRC and all that follows"


def test_an_extended_link_layer_opens_from_its_payload_crc_on() -> None:
    roles = annotate(KAMSTRUP, KAMSTRUP_KEY)
    assert lines(roles)[6:13] == [
        "10 ell CI-field: extended link layer II",
        "11 ell communication control: synchronous, relayed",
        "12 ell access number: 80",
        "13 ell session number: AES-128-CTR, session 0, minute 1927618",
        "17 ell payload CRC: matches",
        "19 tpl CI-field: records, no header",
        "20 apl DIF: 16 bit integer, instantaneous",
    ]
    assert roles[10].content.hex() == "132b"
    assert lines(roles)[-1] == "33 apl value: volume = 473.247 m3"


def test_a_surplus_byte_is_told_from_the_extended_link_layers_content() -> None:
    longer = bytes((KAMSTRUP[0] + 1,)) + KAMSTRUP[1:] + b"\x5a"
    roles = annotate(longer, KAMSTRUP_KEY)
    covered(roles, longer)
    assert lines(roles)[-2:] == ["33 apl value: volume = 473.247 m3", "37 dll surplus bytes: left by the receiver"]


def test_the_values_of_a_compact_frame_are_named_by_its_format() -> None:
    assert lines(annotate(COMPACT))[-7:] == [
        "20 apl format signature: A8ED, known",
        "22 apl full-frame CRC: matches the rebuilt records",
        "24 apl value: manufacturer specific, code 02FF20 = 113",
        "26 apl value: volume = 6.408 m3",
        "30 apl value: volume = 6.408 m3",
        "34 apl value: flow temperature = 127 C",
        "35 apl value: external temperature = 19 C",
    ]


def test_the_values_of_a_compact_frame_of_unknown_format_are_left_as_they_are() -> None:
    unknown = bytearray(COMPACT)
    unknown[20] ^= 1
    unknown[17:19] = crc16(bytes(unknown[19:])).to_bytes(2, "little")
    assert lines(annotate(bytes(unknown)))[-3:] == [
        "20 apl format signature: A8EC",
        "22 apl full-frame CRC",
        "24 apl values of a full frame: their format is not known",
    ]


def test_the_l_field_of_format_b_is_shown_as_sent() -> None:
    frame = bytes.fromhex("1444AE0C7856341201078C2027780B13436587 7AC5")
    roles = annotate(frame)
    covered(roles, frame)
    assert lines(roles)[0] == "0 dll L-field: 20 bytes follow"
    assert lines(roles)[-1] == "19 crc CRC: matches bytes 0 to 18"


def test_a_frame_that_ends_with_its_first_crc_has_it_labelled() -> None:
    frame = add_crc_a(bytes.fromhex("0947AE0C785634120107"))
    assert lines(annotate(frame))[-1] == "10 crc CRC: matches bytes 0 to 9"


def test_an_address_in_diehls_order_is_labelled_in_that_order() -> None:
    frame = bytes.fromhex("1E4424238B07536538637AAC0010F4909DABF1599F676C7418544E4D6B2268")
    assert [line for line in lines(annotate(frame)) if " dll " in line][3:] == [
        "4 dll device version: 8B",
        "5 dll device type: water",
        "6 dll serial: 63386553",
    ]
    assert lines(annotate(frame))[10] == "17 apl value: volume = 123.690 m3"


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        ("0E5BAE0C785634120107780B134365", ["1 dll C-field: REQ-UD2, asks for user data", "10 apl unread"]),
        (
            "0E44AE0C785634120107868020010203",
            ["10 ell CI-field: extended link layer of", "11 ell unread"],
        ),
        ("0E44AE0C785634120107A2000000000000", ["10 tpl CI-field: the maker's own protocol", "11 apl unread"]),
        (
            "1344AE0C78563412010790060010E80778010213",
            ["12 afl fragmentation control: message", "18 apl unread"],
        ),
    ],
)
def test_what_is_not_read_is_labelled_so(frame: str, expected: list[str]) -> None:
    raw = bytes.fromhex(frame)
    roles = annotate(bytes((len(raw) - 1,)) + raw[1:])
    for line in expected:
        assert any(found.startswith(line) for found in lines(roles)), lines(roles)


def test_every_control_field_has_words() -> None:
    for c_field, (name, _) in C_FIELDS.items():
        assert words.c_field(c_field).startswith(f"{name}, ")


def test_every_ci_field_has_words() -> None:
    assert all(words.ci_field(ci) for ci in range(256))
    assert not [ci for ci in LAYOUTS if words.ci_field(ci) == words.ci_field(0xFF)]
