import json
from datetime import date, datetime
from decimal import Decimal

import pytest
from rich.console import Console

from meterhub import explain
from meterhub.access.principal import SYSTEM
from meterhub.access.service import enrol_gateway
from meterhub.assets.keys import add_key
from meterhub.errors import NotFound
from meterhub.explain import Verdict
from meterhub.explain.tree import show
from meterhub.ingest.batch import Heard
from meterhub.ingest.registry import RegistryCache
from meterhub.ingest.service import Memory, Sender, accept_batch
from meterhub.wmbus import Address, FormatStore
from meterhub.wmbus.encode import DataRecord, Message, encode
from tests.billing.service.town import Town, at, settings

KEY = "0102030405060708090A0B0C0D0E0F11"
SERIAL = "00000777"


@pytest.fixture
def billed(engine):
    """A town whose one house is billed on four encrypted telegrams, two around each midnight."""
    town = Town(engine)
    house = town.house(name="Ada Lehto")
    town.execute(
        "UPDATE meter SET manufacturer = 'APA', serial = :serial WHERE id = :id",
        serial=SERIAL, id=house.meter_id,
    )  # fmt: skip
    with engine.begin() as connection:
        enrol_gateway(connection, SYSTEM, "roof")
        add_key(connection, SYSTEM, settings(), house.meter_id, KEY)
    heard = [
        Heard(n, telegram(n, volume_m3), when, -70, "T1")
        for n, (when, volume_m3) in enumerate(
            (
                (at(date(2024, 12, 31), 23, 58), "999.998"),
                (at(date(2025, 1, 1), 0, 2), "1000.002"),
                (at(date(2025, 3, 31), 23, 50), "1041.990"),
                (at(date(2025, 4, 1), 0, 10), "1042.010"),
            )
        )
    ]
    accepted = accept_batch(
        engine,
        settings(),
        Memory(FormatStore(), RegistryCache()),
        Sender(1),
        heard,
        [],
        now=datetime.fromisoformat("2025-04-02T00Z"),
    )
    assert accepted.accepted == 4
    town.bill()
    town.number = town.invoice(house).number
    return town


def telegram(count: int, volume_m3: str) -> bytes:
    return encode(
        Message(
            link=Address("APA", SERIAL, 1, 0x16),
            mode=5,
            key=bytes.fromhex(KEY),
            access_number=count,
            records=(DataRecord.of("0413", Decimal(volume_m3)),),
        )
    )


def explained(town, **changes):
    with town.engine.connect() as connection:
        return explain.invoice(connection, settings().model_copy(update=changes), town.number)


def tamper(town, table, query, **values):
    town.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    town.execute(query, **values)


def test_an_untouched_invoice_agrees_from_its_lines_down_to_the_decrypted_frames(billed):
    explanation = explained(billed)
    assert explanation.agrees
    every = [step for top in explanation.steps for step in top.walk()]
    assert {step.verdict for step in every} == {Verdict.AGREES}
    titles = [step.title for step in every]
    assert titles.count("decrypted and decoded again: 1042.010 m³") == 1
    assert any(title.startswith("APA 00000777: 1000.000 m³ at the start of 2025-01-01") for title in titles)
    assert telegram(0, "999.998").hex() in titles
    assert any("42.000 MTQ x 1.44 = 60.48" in title for title in titles)
    assert titles[-1] == "reference 20250000018: check digit"


@pytest.mark.parametrize(
    ("table", "query", "title", "note"),
    [
        (
            "invoice_line",
            "UPDATE invoice_line SET net = 61.48 WHERE component = 'WATER'",
            "MTQ",
            "net: stored 61.48, computed 60.48",
        ),
        (
            "register_read",
            "UPDATE register_read SET volume_ml = volume_ml + 5000 WHERE volume_ml = 1042010000",
            "decrypted and decoded again",
            "volume [ml]: stored 1042015000, computed 1042010000",
        ),
        (
            "raw_frame",
            "UPDATE raw_frame SET frame = set_byte(frame, 20, get_byte(frame, 20) # 1) WHERE id = 1",
            "decryption and decoding",
            "key-wrong",
        ),
        (
            "invoice",
            "UPDATE invoice SET net = net + 1, gross = gross + 1",
            "net 189.02",
            "net: stored 189.02, computed 188.02; gross: stored 236.97, computed 235.97",
        ),
        (
            "invoice",
            "UPDATE invoice SET reference = '20250000019'",
            "reference 20250000019",
            "the check digit does not fit",
        ),
        (
            "invoice_vat",
            "UPDATE invoice_vat SET vat = vat + 0.01",
            "VAT S 25.5 %",
            "base, VAT",
        ),
        (
            "invoice",
            "UPDATE invoice SET snapshot = jsonb_set(snapshot, '{installations,0,reads,1,volume_ml}', '1043000000')",  # noqa: E501 - one statement
            "1043.000 m³ at the start of 2025-04-01",
            "register [ml]: stored 1043000000, computed 1042000000",
        ),
        (
            "tariff_version",
            "UPDATE tariff_version SET net_price = 1.54 WHERE component = 'WATER' AND upper_inf(valid)",
            "price 1.44",
            "price: stored 1.44, computed 1.54",
        ),
        (
            "invoice_line",
            "UPDATE invoice_line SET vat_rate = 24 WHERE component = 'BASE_WATER'",
            "VAT S 24 %",
            "rate: stored 24, computed 25.5",
        ),
    ],
)
def test_a_tampered_value_is_named(billed, table, query, title, note):
    tamper(billed, table, query)
    explanation = explained(billed)
    assert not explanation.agrees
    assert title in explanation.first_difference.title
    assert note in explanation.first_difference.note


def test_a_frame_whose_retention_has_ended_is_unknown_and_not_a_difference(billed):
    billed.execute("DELETE FROM raw_frame WHERE id = 2")
    explanation = explained(billed)
    assert explanation.agrees
    unknown = [s for top in explanation.steps for s in top.walk() if s.verdict is Verdict.UNKNOWN]
    assert [(step.title, step.note) for step in unknown] == [("raw frame 2", "its retention has ended")]


def test_without_the_master_key_frames_stay_closed_and_the_rest_is_computed(billed):
    explanation = explained(billed, master_key=None)
    assert explanation.agrees
    notes = {step.note for top in explanation.steps for step in top.walk() if step.verdict is Verdict.UNKNOWN}
    assert len(notes) == 1
    assert notes.pop().startswith("cannot be opened here: no master key")


def test_the_opening_that_an_earlier_invoice_left_is_compared_with_its_closing(billed):
    meter = billed.scalar("SELECT id FROM meter WHERE serial = :serial", serial=SERIAL)
    billed.read(meter, (at(date(2025, 7, 1)), "1100.000"))
    first = billed.number
    billed.bill(period=(date(2025, 4, 1), date(2025, 7, 1)), issued_on=date(2025, 7, 2))
    billed.number = "2025-000002"
    assert explained(billed).agrees
    tamper(
        billed,
        "invoice",
        "UPDATE invoice SET snapshot = jsonb_set(snapshot, '{closings,0,volume_ml}', '1') WHERE number = :first",
        first=first,
    )
    assert f"closing of {first} [ml]: stored 1042000000, computed 1" in (explained(billed).first_difference.note)


def test_the_closing_that_a_later_invoice_fixed_is_compared_with_its_opening(billed):
    meter = billed.scalar("SELECT id FROM meter WHERE serial = :serial", serial=SERIAL)
    billed.read(meter, (at(date(2024, 10, 1)), "900.000"))
    later = billed.number
    billed.bill(period=(date(2024, 10, 1), date(2025, 1, 1)), issued_on=date(2025, 7, 2))
    billed.number = "2025-000002"
    assert explained(billed).agrees
    tamper(
        billed,
        "invoice",
        "UPDATE invoice SET snapshot = jsonb_set(snapshot, '{openings,0,volume_ml}', '1') WHERE number = :later",
        later=later,
    )
    assert f"opening of {later} [ml]: stored 1000000000, computed 1" in (explained(billed).first_difference.note)


def test_the_tree_ends_with_the_verdict_and_the_json_says_the_same(billed, capsys):
    show(explained(billed), Console(width=200, force_terminal=False))
    assert capsys.readouterr().out.splitlines()[-1].startswith("AGREES")
    tamper(billed, "invoice_line", "UPDATE invoice_line SET net = 61.48 WHERE component = 'WATER'")
    explanation = explained(billed)
    show(explanation, Console(width=200, force_terminal=False))
    assert "DIFFERS" in capsys.readouterr().out
    shown = json.loads(json.dumps(explanation.as_json()))
    assert shown["agrees"] is False
    assert shown["first_difference"]["note"] == "net: stored 61.48, computed 60.48"


def test_an_unknown_number_is_not_found(billed):
    billed.number = "2025-999999"
    with pytest.raises(NotFound, match="2025-999999"):
        explained(billed)
