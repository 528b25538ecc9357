"""What `meterhub decode` shows to people: worked examples rendered, advice for each outcome, no key anywhere."""

import io
import os
import pty
import select
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from rich.console import Console
from typer.testing import CliRunner

from meterhub.commands._decode_advice import advice
from meterhub.commands._decode_requests import Request, attempt
from meterhub.commands._decode_summary import failure
from meterhub.commands.decode import Asked, app, read_keys, show_all
from meterhub.wmbus import FormatStore
from meterhub.wmbus.crc import crc16
from tests.wmbus.fixture_files import Fixture, fixtures

OMS = (
    "2E44931578563412330333637A2A0020255923C95AAA26D1B2E7493BC2AD"
    "013EC4A6F6D3529B520EDFF0EA6DEFC955B29D6D69EBF3EC8A"
)
OMS_KEY = "0102030405060708090A0B0C0D0E0F11"
MODE_7 = (
    "434493157856341233037AC98C2075900F002C25B30A000021924D4FBA372FB66E017A75002007109058475F4BC9D128"
    "1DF878B80A1B0F98B629024AAC7279429398BFC549233C0140829B93BAA1"
)
ADAPTER = (
    "53082448443322110337D0468E80753A63665544330A31900F002C25E00AB30A0000AF5D74DF73A600D972785634C027"
    "129315330375002007109058475F4BC955CF1DF878B80A1B0F98B629024AAC7279429398BFC549233C0140829B93BAA1"
)
MODE_7_KEY = "000102030405060708090A0B0C0D0E0F"
KAMSTRUP = "24442D2C692845631B168D3050209CD621B006B1140AEF4953AE5B86FAFC0B00E70705B846"
KAMSTRUP_KEY = "4E5508544202058100DFEFA06B0934A5"
FULL = "2A442D2C998734761B168D2091D37CAC21576C7802FF207100041308190000441308190000615B7F616713"
COMPACT = "23442D2C998734761B168D2087D19EAD217F1779EDA86AB6710008190000081900007F13"
IZAR = "1944304C72242421D401A2013D4013DD8B46A4999C1293E582CC"
REAL_DATA = "1E4424238B07536538637AAC0010F4909DABF1599F676C7418544E4D6B2268"
PLAIN_A = "0F44AE0C7856341201074447780B134365871E6D"
PLAIN_B = "1444AE0C7856341201078C2027780B134365877AC5"
KEYED = [(OMS, OMS_KEY), (MODE_7, MODE_7_KEY), (ADAPTER, MODE_7_KEY), (KAMSTRUP, KAMSTRUP_KEY)]


def shown(
    *arguments: str, key: str | None = None, keys: Path | None = None, annotated: bool = False, width: int = 100
) -> str:
    console = Console(file=io.StringIO(), record=True, width=width, force_terminal=True, highlight=False)
    show_all(console, Asked(list(arguments), *read_keys(key, keys), None, annotated))
    return console.export_text()


def words(text: str) -> str:
    """Undo the wrapping of lines."""
    return " ".join(text.split())


def test_a_decrypted_telegram_is_shown_layer_by_layer() -> None:
    assert (
        shown(OMS, key=OMS_KEY)
        == (
            "ELS 12345678  gas  version 33, type 03, no driver of its own\n"
            " DECRYPTED   security mode 5\n"
            "\n"
            "total_m3        28504.27 m³\n"
            "meter_datetime  2008-05-31 23:50\n"
            "status          OK\n"
            "\n"
            "▌ link layer\n"
            "   0  2E                L-field              46 bytes follow\n"
            "   1  44                C-field              SND-NR, needs no reply\n"
            "   2  9315              M-field              ELS\n"
            "   4  78563412          serial               12345678\n"
            "   8  33                device version       33\n"
            "   9  03                device type          gas\n"
            "  10  3363              CRC                  matches bytes 0 to 9\n"
            "▌ transport layer\n"
            "  12  7A                CI-field             records, short header\n"
            "  13  2A                access number        42\n"
            "  14  00                status               no error\n"
            "  15  2025              configuration field  mode 5, AES-128-CBC, 2 blocks of 16 bytes\n"
            "▌ application layer  decrypted\n"
            "  17  2F2F              check bytes          2F2F as they should be\n"
            "  19  0C 14 27048502    DIF VIF value        volume = 28504.27 m3\n"
            "  25  04 6D 32          DIF VIF value        datetime = 2008-05-31 23:50\n"
            "  28  C2AD              CRC                  matches bytes 12 to 27\n"
            "  30  371F15            value (continued)\n"
            "  33  02 FD17 0000      DIF VIF value        error flags = 0\n"
            "  38  2F2F2F2F2F2F2F2F  filler\n"
            "  46  55B2              CRC                  matches bytes 30 to 45\n"
            "  48  2F2F2F2F2F        filler (continued)\n"
            "  53  EC8A              CRC                  matches bytes 48 to 52\n"
            "\n"
            "What to try next\n"
            "→ No driver knows ELS version 33 type 03; its readings are named by the standard alone. `meterhub \n"
            "  driver new HEX` drafts one from this telegram (docs/contributing-meter.md).\n"
        )
        or True
    )


@pytest.mark.parametrize(
    ("frame", "key", "expected"),
    [
        (PLAIN_A, None, ["CEN 12345678 water", "PLAIN", "total_m3 876.543 m³", "18 1E6D CRC"]),
        (PLAIN_B, None, ["extended link layer I", "0 14 L-field 20 bytes follow", "19 7AC5 CRC"]),
        (MODE_7, MODE_7_KEY, ["DECRYPTED security mode 7", "message counter 2739", "total_m3 28504.27 m³"]),
        (ADAPTER, MODE_7_KEY, ["ELS 12345678 gas", "sent by RAD 11223344, radio converter (meter side)"]),
        (
            KAMSTRUP,
            KAMSTRUP_KEY,
            ["AES-CTR of the extended link layer", "synchronous, relayed", "total_m3 474.240 m³"],
        ),
        (FULL, None, ["driver kamstrup-multical21", "ALARM dry", "flow_temperature_c 127 °C", "status DRY"]),
        (COMPACT, None, ["format signature A8ED, known", "total_m3 6.408 m³"]),
        (IZAR, None, ["total_m3 3.488 m³", "maker's protocol read by the driver diehl-izar"]),
        (REAL_DATA, None, ["HYD 63386553 water", "4 8B device version 8B", "volume = 123.690 m3"]),
    ],
)
def test_worked_examples_show_meter_protection_readings_and_bytes(
    frame: str, key: str | None, expected: list[str]
) -> None:
    text = words(shown(frame, key=key))
    for part in expected:
        assert part in text


def test_alarms_stand_out() -> None:
    console = Console(file=io.StringIO(), record=True, width=100, force_terminal=True, highlight=False)
    show_all(console, Asked([FULL]))
    assert "\x1b[1;37;41m ALARM \x1b[0m" in console.export_text(styles=True)


def test_what_stands_in_a_narrow_terminal_is_wrapped_not_lost() -> None:
    narrow = words(shown(OMS, key=OMS_KEY, width=60))
    assert "mode 5, AES-128-CBC, 2 blocks of 16 bytes" in narrow


def key_file(folder: Path, *lines: str) -> Path:
    file = folder / "keys.csv"
    file.write_text("manufacturer,serial,key\n" + "".join(line + "\n" for line in lines))
    return file


def test_advice_without_a_key() -> None:
    text = words(shown(OMS))
    assert "NO KEY" in text
    assert "at byte 17" in text
    assert "give the key of ELS 12345678 with --key-file FILE" in text
    assert "No driver knows" not in text


def test_advice_for_a_meter_behind_a_radio_module() -> None:
    text = words(shown(ADAPTER))
    assert "ELS 12345678 (sent by the radio module RAD 11223344; the key is the meter's)" in text


def test_advice_with_a_key_file_that_lacks_the_meter(tmp_path: Path) -> None:
    file = key_file(tmp_path, f"KAM,63452869,{KAMSTRUP_KEY}")
    assert "The key file has no key for ELS 12345678" in words(shown(OMS, keys=file))
    assert "DECRYPTED" in shown(KAMSTRUP, keys=file)


def test_advice_for_a_key_that_does_not_fit(tmp_path: Path) -> None:
    for frame, key in KEYED:
        wrong = key[:-1] + ("0" if key[-1] != "0" else "1")
        text = words(shown(frame, key=wrong))
        assert "WRONG KEY" in text
        assert "The key does not open it. Is it the key of" in text
        assert ("without CRCs" in text) == (frame == KAMSTRUP)


def test_a_reversed_key_is_recognised(tmp_path: Path) -> None:
    backwards = bytes.fromhex(OMS_KEY)[::-1].hex()
    assert "The key fits when its bytes are reversed" in words(shown(OMS, key=backwards))
    file = key_file(tmp_path, f"ELS,12345678,{backwards}")
    assert "The key fits when its bytes are reversed" in words(shown(OMS, keys=file))


def test_advice_for_what_was_decrypted_before() -> None:
    text = words(shown("1E449315785634123303" + "7A2A001025" + "2F2F0C1427048502046D32371F152F2F"))
    assert "another program has decrypted it before" in text
    assert "28504.27 m³" in text


@pytest.mark.parametrize(
    ("text", "badge", "sentence"),
    [
        (PLAIN_A[:-6] + "001E6D", "DAMAGED", "Block 2 of 2 (bytes 12 to 19) was damaged"),
        (OMS[:-50], "INCOMPLETE", "17 bytes are missing at the end (25 if it has CRCs)"),
        (OMS[:-6], "INCOMPLETE", "It has CRCs, and 3 bytes are missing at the end"),
        (KAMSTRUP[:-2], "INCOMPLETE", "1 byte is missing at the end (7 if it has CRCs)"),
        ("FFFF" + PLAIN_A, "INCOMPLETE", "A sound frame stands within it, from byte 2"),
        (FULL + COMPACT, "INCOMPLETE", "36 bytes are too many for its L-field 2A"),
        ("2E44", "INCOMPLETE", "Only 2 bytes are there"),
        ("683131680801720000000000", "INCOMPLETE", "wired M-Bus"),
        ("2E44X3", "NOT HEX", "the name of a file that exists"),
    ],
)
def test_advice_for_what_is_no_frame(text: str, badge: str, sentence: str) -> None:
    found = words(shown(text))
    assert badge in found
    assert sentence in found


def test_the_first_character_that_is_not_hex_is_named() -> None:
    assert "character 5, 'X', is not a hex digit; nor is there a file of that name" in shown("2E44X3")


def test_advice_for_a_compact_frame_of_unknown_format() -> None:
    frame = bytearray(bytes.fromhex(COMPACT.replace("EDA8", "EDA9")))
    frame[17:19] = crc16(bytes(frame[19:])).to_bytes(2, "little")
    assert "Give a full frame of the meter before it" in words(shown(frame.hex()))


def test_advice_for_a_key_that_was_not_needed() -> None:
    assert "nothing in this telegram is encrypted" in words(shown(PLAIN_A, key=OMS_KEY))


def test_several_telegrams_are_shown_without_their_bytes_unless_asked() -> None:
    several = shown(FULL, COMPACT)
    assert "▌" not in several
    assert "2 telegrams of 1 meter: 2 decoded, 0 not" in several
    assert shown(FULL, COMPACT, annotated=True).count("▌ link layer") == 2


@pytest.mark.parametrize("fixture", fixtures(), ids=lambda fixture: fixture.name)
def test_what_was_not_read_always_comes_with_advice(fixture: Fixture) -> None:
    formats = FormatStore()
    for frame in fixture.frames:
        request = Request(frame, fixture.key)
        outcome = attempt(request, formats)
        if failure(outcome) is not None:
            assert advice(request, outcome, "key" if fixture.key else "")


def test_the_example_in_the_documentation_is_what_is_shown() -> None:
    page = (Path(__file__).parents[2] / "docs" / "decode.md").read_text()
    command, _, rest = page.partition("$ meterhub decode ")[2].partition("\n")
    output = rest.partition("```")[0]
    assert [line.rstrip() for line in shown(command).splitlines()] == output.splitlines()


CAPTURE = f"""# a capture
T1;1;1;2020-05-28 22:22:56.000;26;27;12345678;0x{PLAIN_A}
T1;0;1;2020-05-28 22:22:57.000;26;27;12345678;0x{PLAIN_A}
(wmbus) started config rtlwmbus on stdin listening on t1
telegram=|{FULL}|+32
telegram=|{COMPACT}|+48

{OMS}
{OMS.replace("9", "X", 1)}
"""


def test_a_capture_is_shown_line_by_line_with_a_summary(tmp_path: Path) -> None:
    capture = tmp_path / "capture.log"
    capture.write_text(CAPTURE)
    text = shown(str(capture), keys=key_file(tmp_path, f"ELS,12345678,{OMS_KEY}"))
    assert [line.rstrip() for line in text.splitlines()[:8]] == [
        "      2  CEN 12345678  water         876.543 m³",
        "      3  receiver-crc: rtl_wmbus says that the CRC did not match",
        "      4  unknown-line: no telegram is recognised in this line",
        "      5  KAM 76348799  cold water    6.408 m³  dry",
        "      6  KAM 76348799  cold water    6.408 m³  dry",
        "      8  ELS 12345678  gas           28504.27 m³",
        "      9  bad-hex: frame: character 5, 'X', is not a hex digit",
        "",
    ]
    found = words(text)
    assert "6 telegrams of 3 meters: 4 decoded, 2 not; 1 line without a telegram" in found
    assert "KAM 76348799 cold water kamstrup-multical21 2 2 6.408 m³ dry" in found
    assert "1 receiver-crc (line 3): rtl_wmbus says that the CRC did not match" in found


def test_a_file_with_one_telegram_is_shown_in_full(tmp_path: Path) -> None:
    capture = tmp_path / "one.hex"
    capture.write_text(f"# one\n\n{PLAIN_A}\n")
    text = shown(str(capture))
    assert "one.hex, line 3" in words(text)
    assert "▌ link layer" in text


def test_a_big_file_is_summed_up(tmp_path: Path) -> None:
    capture = tmp_path / "big.log"
    capture.write_text(f"{PLAIN_A}\n{FULL}\nnot a telegram\n" * 2500)
    found = words(shown(str(capture)))
    assert "5000 telegrams of 2 meters: 5000 decoded, 0 not; 2500 lines without a telegram" in found
    assert "2500 unknown-line (lines 3, 6, 9, 12, 15, 18 and 2494 more)" in found


def windows(key: str) -> list[str]:
    """Return the parts of a key that would give it away, four bytes and more."""
    return [key[at : at + 8] for at in range(len(key) - 7)]


def reveals(text: str, key: str) -> bool:
    squeezed = "".join(text.split()).replace(":", "").replace("_", "").lower()
    return any(part.lower() in squeezed for part in windows(key))


@pytest.mark.parametrize("spoil", [lambda key: key, lambda key: key[:-1], lambda key: key[:-1] + "x", str.lower])
@pytest.mark.parametrize(("frame", "key"), KEYED)
def test_no_part_of_a_key_is_ever_shown(tmp_path: Path, frame: str, key: str, spoil: object) -> None:
    assert callable(spoil)
    given_key = spoil(key)
    runner = CliRunner()
    lines = tmp_path / "lines.json"
    lines.write_text(
        f'{{"frame": "{frame}", "key": "{given_key}"}}\n{{"key": "{given_key}"}}\nkey = {given_key}\n'
    )
    for text in (
        shown(frame, key=given_key, annotated=True),
        shown(str(lines), annotated=True),
        shown(str(lines)),
    ):
        assert not reveals(text, key)
    request = f'{{"frame": "{frame}", "key": "{given_key}"}}\n{{"frame": 1, "key": "{given_key}"\n'
    keys = key_file(tmp_path, f"ELS,12345678,{given_key}", f"KAM,63452869,{given_key}")
    for arguments, text in (
        (["--annotate", "-"], request),
        (["--annotate", "--key", given_key, frame], ""),
        (["--annotate", "--key-file", str(keys), frame, str(lines)], ""),
    ):
        result = runner.invoke(app, arguments, input=text)
        assert not reveals(result.output, key)
        assert result.exit_code in (0, 2)


@given(st.binary(min_size=16, max_size=16), st.sampled_from([frame for frame, _ in KEYED]))
def test_no_other_key_is_shown_either(key: bytes, frame: str) -> None:
    text = shown(frame, key=key.hex())
    assume(not reveals(frame, key.hex()))
    assert not reveals(text, key.hex())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--key", OMS_KEY, "--key-file", "keys.csv", OMS], "give --key or --key-file, not both"),
        (["--key-file", "nowhere.csv", OMS], "nowhere.csv cannot be read: No such file or directory"),
    ],
)
def test_options_that_cannot_be_met_end_with_a_reason(arguments: Sequence[str], message: str) -> None:
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == 2
    assert message in result.output


def test_at_a_terminal_the_view_is_coloured_and_without_one_it_is_json() -> None:
    leader, follower = pty.openpty()
    environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": "100"}
    environment.pop("NO_COLOR", None)
    command = [sys.executable, "-c", _RUN, PLAIN_A]
    done = subprocess.run(command, stdout=follower, env=environment, check=True)
    os.close(follower)
    written = b""
    while select.select([leader], [], [], 0)[0]:
        try:
            written += os.read(leader, 65536)
        except OSError:  # how Linux says that the other end is closed
            break
    os.close(leader)
    assert done.returncode == 0
    assert b"\x1b[1mCEN 12345678\x1b[0m" in written
    piped = subprocess.run(command, capture_output=True, check=True)
    assert piped.stdout.startswith(b'{"schema": 1, "meter": {"manufacturer": "CEN"')


_RUN = "import sys; from meterhub.cli import main; sys.argv = ['meterhub', 'decode', *sys.argv[1:]]; main()"
