import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meterhub.errors import BadInput
from meterhub.ingest.capture_lines import BadLine, HeardLine, HowToRead, read_lines
from meterhub.ingest.capture_times import TimeReader
from meterhub.settings import Settings

FRAME = "2A442D2C998734761B168D2091D37CAC21576C7802FF207100041308190000441308190000615B7F616713"
TZ = Settings(zone="Europe/Helsinki").tz
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def how(columns=None, form=None, begun_at=None):
    return HowToRead(TimeReader(TZ, form), columns or {}, begun_at)


def heard(text, **told):
    """What the lines say: time, strength, mode, gateway."""
    found = list(read_lines(text.splitlines(keepends=True), how(**told)))
    assert all(isinstance(line, HeardLine) and line.frame.hex().upper() == FRAME for line in found), found
    return [(line.received_at, line.rssi_dbm, line.link_mode, line.gateway) for line in found]


def bad(text, **told):
    return [(line.number, line.code) for line in read_lines(text.splitlines(), how(**told))]


def test_meterhubs_own_capture_is_read():
    item = {
        "gateway": "attic",
        "frame": FRAME,
        "received_at": "2026-03-01T12:00:00Z",
        "rssi_dbm": -71,
        "link_mode": "C1",
    }
    assert heard(json.dumps(item)) == [(NOON, -71, "C1", "attic")]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (f"C1;1;1;2026-03-01 12:00:00.000Z;97;148;76348799;0x{FRAME}", (NOON, None, "C1", "")),
        (f"rla;T1;1;1;2026-03-01 14:00:00.000;-60;;;0x{FRAME}", (NOON, -60, "T1", "")),
    ],
)
def test_lines_of_rtl_wmbus_are_read(line, expected):
    assert heard(line) == [expected]


def test_lines_of_rtl_433_are_read_without_their_relative_strength():
    item = {"time": "2026-03-01 14:00:00", "model": "Wireless-MBus", "mode": "C", "M": "KAM", "id": 76348799}
    item |= {"data": FRAME, "mic": "CRC", "rssi": -1.2}
    assert heard(json.dumps(item)) == [(NOON, None, "C1", "")]


@pytest.mark.parametrize("at", ["2026-03-01T12:00:00Z", 1772366400, "1772366400"])
def test_json_of_wmbusmeters_is_read_where_it_holds_the_telegram(at):
    item = {"media": "cold water", "meter": "multical21", "id": "76348799", "timestamp": at, "telegram": FRAME}
    assert heard(json.dumps(item | {"rssi_dbm": -80.4})) == [(NOON, -80, None, "")]
    del item["telegram"]
    assert bad(json.dumps(item)) == [(1, "no-telegram")]


def test_logs_of_wmbusmeters_say_the_time_or_count_from_the_start():
    assert heard(f"[2026-03-01_14:00:00] telegram=|{FRAME}|") == [(NOON, None, None, "")]
    assert heard(f"telegram=|{FRAME}|+90", begun_at=NOON) == [(NOON + timedelta(seconds=90), None, None, "")]
    assert bad(f"telegram=|{FRAME}|+90\ntelegram=|{FRAME}|\n") == [(1, "no-time"), (2, "no-time")]


def test_other_logs_are_read_where_a_time_stands_in_the_line():
    text = f"2026-03-01T12:00:00Z {FRAME}\n\n# note\n2026-03-01 14:00:00.5 rx {FRAME} -70\n"
    assert [at for at, *_ in heard(text)] == [NOON, NOON + timedelta(seconds=0.5)]


@pytest.mark.parametrize("separator", [";", ",", "\t"])
def test_drive_by_tables_are_read_by_the_names_of_their_columns(separator):
    lines = [["Zeit", "Telegram", "RSSI", "Mode"], ["2026-03-01 14:00", FRAME, "-70.6", "t1"]]
    assert heard("\n".join(map(separator.join, lines))) == [(NOON, -71, "T1", "")]


def test_columns_and_times_can_be_told():
    text = f"wann,roh,stärke,wer\n01.03.2026 14:00,{FRAME},-64,bus 7\n"
    columns = {"time": "Wann", "frame": "roh", "rssi": "stärke", "gateway": "wer"}
    assert heard(text, columns=columns, form="%d.%m.%Y %H:%M") == [(NOON, -64, None, "bus 7")]
    with pytest.raises(BadInput, match="no column 'gps'"):
        heard(text, columns=columns | {"rssi": "gps"})
    assert bad(text, columns={"frame": "data"})[0] == (1, "no-column")


def test_each_line_that_cannot_be_used_is_named_with_its_number_and_reason():
    text = "\n".join(
        [
            "time;frame",
            f"2026-03-01 14:00;{FRAME}",
            f"yesterday;{FRAME}",
            f";{FRAME}",
            "2026-03-01 14:00;",
            "2026-03-01 14:00;xyz",
            f"T1;0;1;2026-03-01 12:00:00Z;1;1;1;0x{FRAME}",
            '{"frame": "00',
            "nothing",
        ]
    )
    found = list(read_lines(text.splitlines(), how()))
    assert [(line.number, line.code) for line in found if isinstance(line, BadLine)] == [
        (3, "bad-time"),
        (4, "no-time"),
        (5, "no-telegram"),
        (6, "bad-hex"),
        (7, "receiver-crc"),
        (8, "bad-json"),
        (9, "bad-csv"),
    ]
    assert sum(isinstance(line, HeardLine) for line in found) == 1


PIECES = st.sampled_from(
    [FRAME, "0x" + FRAME, "time", "frame", ";", ",", " ", "2026-03-01 12:00:00Z", "|+5", "telegram=|",
     '{"frame": "', '"', "}", "T1;1;1;", '"time": ', "-70", "1e400", "null", "#", "\t"]
)  # fmt: skip


@given(st.lists(st.lists(PIECES | st.text(max_size=5), max_size=8).map("".join), max_size=6), st.booleans())
def test_every_line_that_says_something_is_answered_once_whatever_it_is(lines, told):
    columns = {"time": "time", "frame": "frame"} if told else {}
    try:
        found = list(read_lines(lines, how(columns, begun_at=NOON)))
    except BadInput:
        assert told
        return
    said = [
        number
        for number, line in enumerate(lines, 1)
        if (text := line.strip("\ufeff\r\n \t\0")) and not text.startswith("#")
    ]
    assert [line.number for line in found] in (said, said[1:])
    for line in found:
        if isinstance(line, HeardLine):
            assert line.received_at.tzinfo is UTC
            assert line.rssi_dbm is None or -200 <= line.rssi_dbm < 0


@given(
    st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),
    st.none() | st.integers(-150, -1),
    st.sampled_from([None, "T1", "C1", "S1", "C/T"]),
    st.sampled_from(["json", "csv"]),
)
def test_what_is_written_is_read(at, rssi, mode, form):
    if form == "json":
        text = json.dumps({"frame": FRAME, "received_at": at.isoformat(), "rssi_dbm": rssi, "link_mode": mode})
    else:
        text = f"received_at;frame;rssi_dbm;link_mode\n{at.isoformat()};{FRAME};{rssi or ''};{mode or ''}"
    assert heard(text) == [(at, rssi, mode, "")]
