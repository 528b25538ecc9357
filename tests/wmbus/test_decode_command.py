import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from meterhub.commands.decode import app, to_json

FULL = "2A442D2C998734761B168D2091D37CAC21576C7802FF207100041308190000441308190000615B7F616713"
COMPACT = "23442D2C998734761B168D2087D19EAD217F1779EDA86AB6710008190000081900007F13"
OMS = (
    "2E44931578563412330333637A2A0020255923C95AAA26D1B2E7493BC2AD"
    "013EC4A6F6D3529B520EDFF0EA6DEFC955B29D6D69EBF3EC8A"
)
OMS_KEY = "0102030405060708090A0B0C0D0E0F11"


def lines(*requests: object) -> list[dict[str, Any]]:
    text = "".join((entry if isinstance(entry, str) else json.dumps(entry)) + "\n" for entry in requests)
    result = CliRunner().invoke(app, ["-"], input=text)
    assert result.exit_code == 0, result.output
    return [json.loads(line, parse_float=Decimal) for line in result.output.splitlines()]


def test_the_answer_has_the_shape_of_the_contract() -> None:
    (answer,) = lines({"frame": FULL, "key": None})
    assert answer["schema"] == 1
    assert answer["meter"] == {
        "manufacturer": "KAM",
        "id": "76348799",
        "version": 27,
        "device_type": 22,
        "medium": "cold water",
    }
    assert answer["driver"] == "kamstrup-multical21"
    assert answer["security"] == {"mode": 0, "result": "plain"}
    assert answer["readings"]["total_m3"] == Decimal("6.408")
    assert answer["readings"]["flow_temperature_c"] == 127
    assert answer["alarms"] == ["dry"]
    assert answer["meter_at"] is None
    assert answer["records"][1] == {
        "dif_vif": "0413",
        "quantity": "volume",
        "unit": "m3",
        "value": Decimal("6.408"),
        "function": "instantaneous",
        "storage": 0,
        "tariff": 0,
        "subunit": 0,
    }


def test_each_line_is_answered_in_order_also_when_it_cannot_be_decoded() -> None:
    answers = lines(
        {"frame": OMS, "key": OMS_KEY},
        "not json",
        "[]",
        {"frame": "0G"},
        {"frame": 7, "key": None},
        {"frame": "2E44"},
        {"frame": OMS, "key": "zz"},
        {"frame": OMS.lower(), "key": None},
    )
    codes = [[entry["code"] for entry in answer["diagnostics"]] for answer in answers]
    assert codes == [
        [],
        ["bad-json"],
        ["bad-json"],
        ["bad-hex"],
        ["bad-hex"],
        ["truncated"],
        ["bad-hex"],
        ["key-missing"],
    ]
    assert answers[0]["readings"]["total_m3"] == Decimal("28504.27")
    assert answers[0]["meter_at"] == "2008-05-31T23:50:00"
    assert answers[5]["meter"] == dict.fromkeys(("manufacturer", "id", "version", "device_type", "medium"))


def test_formats_are_remembered_within_a_run() -> None:
    answers = lines({"frame": FULL, "key": None}, {"frame": COMPACT, "key": None})
    assert answers[1]["readings"] == answers[0]["readings"]


def test_arguments_are_decoded_too() -> None:
    result = CliRunner().invoke(app, ["--key", OMS_KEY, OMS, "|" + FULL[:8] + "_" + FULL[8:] + "|"])
    answers = [json.loads(line) for line in result.output.splitlines()]
    assert [answer["meter"]["id"] for answer in answers] == ["12345678", "76348799"]


def test_numbers_have_exactly_their_digits() -> None:
    assert to_json({"a": [Decimal("0.100"), Decimal("1E+3"), Decimal("1E-9"), None, "é", 3]}) == (
        '{"a": [0.100, 1000, 0.000000001, null, "\\u00e9", 3]}'
    )


def test_decoding_needs_the_core_dependencies_alone() -> None:
    code = (
        "import sys, meterhub.commands.decode, meterhub.wmbus.registry as r; r.all_drivers();"
        "print(sorted({name.partition('.')[0] for name in sys.modules}"
        " & {'fastapi', 'pydantic', 'sqlalchemy', 'psycopg', 'numpy'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


ELL = "24442D2C692845631B168D3050209CD621B006B1140AEF4953AE5B86FAFC0B00E70705B846"


def test_a_key_of_the_wrong_size_is_reported_for_every_kind_of_encryption() -> None:
    answers = lines(*({"frame": frame, "key": key} for frame in (OMS, ELL) for key in ("00", "", "00" * 24)))
    for answer in answers:
        assert answer["security"]["result"] == "key-missing"
        assert [entry["code"] for entry in answer["diagnostics"]] == ["key-size", "key-missing"]


def test_a_bad_key_option_is_answered_for_each_telegram() -> None:
    result = CliRunner().invoke(app, ["--key", "zz", OMS, FULL])
    answers = [json.loads(line) for line in result.output.splitlines()]
    assert [answer["diagnostics"][0]["code"] for answer in answers] == ["bad-hex", "bad-hex"]


def test_files_are_answered_line_by_line_with_where_each_stands(tmp_path: Path) -> None:
    capture = tmp_path / "capture.log"
    capture.write_text(f"# log\n|{FULL}|\nwhat?\ntelegram=|{COMPACT}|+3\n")
    result = CliRunner().invoke(app, [str(capture)])
    answers = [json.loads(line) for line in result.output.splitlines()]
    assert [answer["source"] for answer in answers] == [
        {"file": str(capture), "line": 2, "format": "hex"},
        {"file": str(capture), "line": 3, "format": None},
        {"file": str(capture), "line": 4, "format": "wmbusmeters"},
    ]
    assert answers[1]["diagnostics"][0]["code"] == "unknown-line"
    assert answers[2]["readings"] == answers[0]["readings"]


def test_keys_come_from_a_file_and_a_lines_own_key_comes_first(tmp_path: Path) -> None:
    keys = tmp_path / "keys.csv"
    keys.write_text(f"ELS,12345678,{OMS_KEY}\n")
    requests = "".join(json.dumps({"frame": OMS, "key": key}) + "\n" for key in (None, "00" * 16))
    result = CliRunner().invoke(app, ["--key-file", str(keys), "-"], input=requests)
    answers = [json.loads(line) for line in result.output.splitlines()]
    assert [answer["security"]["result"] for answer in answers] == ["decrypted", "key-wrong"]


def test_the_annotation_is_part_of_the_answer_when_asked_for() -> None:
    result = CliRunner().invoke(app, ["--annotate", "--key", OMS_KEY, OMS, "2E44"])
    answer, refused = [json.loads(line) for line in result.output.splitlines()]
    assert sum(role["length"] for role in answer["annotation"]) == len(OMS) // 2
    assert answer["annotation"][11] == {
        "layer": "apl",
        "name": "check bytes",
        "offset": 17,
        "length": 2,
        "bytes": "2F2F",
        "value": "2F2F as they should be",
        "decrypted": True,
    }
    assert refused["annotation"] == []


def test_deeply_nested_json_is_a_line_that_cannot_be_decoded() -> None:
    answers = lines('{"a":' * 50_000, {"frame": FULL})
    assert answers[0]["diagnostics"][0]["code"] == "bad-json"
    assert answers[1]["meter"]["id"] == "76348799"
