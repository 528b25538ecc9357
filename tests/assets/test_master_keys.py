import random
from threading import Event, Thread

import pytest
from sqlalchemy import text

from meterhub.access.principal import SYSTEM
from meterhub.assets import keys, master_rotation, sealing
from meterhub.assets.errors import MasterKeyWrong
from meterhub.assets.master_rotation import Phase, Rotation, rotate
from meterhub.errors import NotConfigured
from meterhub.settings import Settings

OLD, NEW, OTHER = bytes(range(32)), bytes(range(1, 33)), bytes(32)


@pytest.fixture
def settings(monkeypatch):
    """Settings from these arguments alone."""
    for name in ("MASTER_KEY", "MASTER_KEY_FILE", "MASTER_KEY_COMMAND"):
        monkeypatch.delenv(f"METERHUB_{name}", raising=False)
    return lambda **given: Settings(**{name: str(value) for name, value in given.items()})


def test_the_master_key_comes_from_a_value_a_file_or_a_command_in_this_order(settings, tmp_path):
    file = tmp_path / "key"
    file.write_text(f"{NEW.hex()}\n")
    command = f"printf {OTHER.hex()}"
    assert settings(master_key_command=command).require_master_key() == OTHER
    assert settings(master_key_command=command, master_key_file=file).require_master_key() == NEW
    everything = settings(master_key_command=command, master_key_file=file, master_key=OLD.hex())
    assert everything.require_master_key() == OLD


def test_a_changed_master_key_file_needs_no_restart(settings, tmp_path):
    file = tmp_path / "key"
    known = settings(master_key_file=file, previous_master_key=OLD.hex())
    for key in (OLD, NEW):
        file.write_text(key.hex())
        assert known.require_master_key() == key
    assert known.require_master_keys() == (NEW, OLD)


def test_previous_master_keys_stand_a_line_each_and_the_current_one_is_not_repeated(settings, tmp_path):
    file = tmp_path / "previous"
    file.write_text(f"{OTHER.hex()}\n\n{NEW.hex()}\n")
    assert settings(master_key=NEW.hex(), previous_master_key_file=file).require_master_keys() == (NEW, OTHER)
    assert settings(master_key=NEW.hex()).require_master_keys() == (NEW,)


@pytest.mark.parametrize("content", [OLD.hex()[:-1], OLD.hex() + "zz", "\xe4" * 64])
def test_a_master_key_that_is_none_is_refused_without_repeating_it(settings, tmp_path, content):
    file = tmp_path / "key"
    file.write_text(content, encoding="latin-1")
    for wrong in (
        settings(master_key_file=file),
        settings(master_key=content),
        settings(master_key_command=f"cat '{file}'"),
        settings(master_key=OLD.hex(), previous_master_key=content),
        settings(master_key=OLD.hex(), previous_master_key_file=file),
    ):
        with pytest.raises(NotConfigured) as error:
            wrong.require_master_keys()
        assert content not in error.value.detail
        assert content not in repr(wrong)


@pytest.mark.parametrize("source", ["master_key_file", "previous_master_key_file"])
def test_a_missing_master_key_file_is_named(settings, tmp_path, source):
    given = {"previous_master_key_file": tmp_path / "gone", "master_key": OLD.hex()}
    if source == "master_key_file":
        given = {"master_key_file": tmp_path / "gone"}
    with pytest.raises(NotConfigured, match="gone cannot be read: No such file"):
        settings(**given).require_master_keys()


def test_without_any_master_key_the_next_step_is_said(settings):
    with pytest.raises(NotConfigured, match="openssl rand -hex 32"):
        settings().require_master_keys()


def fill(engine, count, master=OLD, first=0):
    """Meters with a key each; the key of meter n is n."""
    with engine.begin() as connection:
        for number in range(first, first + count):
            serial = f"{number:08}"
            sealed = sealing.seal(master, number.to_bytes(16, "big"), f"KAM:{serial}")
            connection.execute(
                text(
                    "WITH m AS (INSERT INTO meter (manufacturer, serial) VALUES ('KAM', :serial) RETURNING id) "
                    "INSERT INTO meter_key (meter_id, sealed, created_by) SELECT id, :sealed, 'test' FROM m"
                ),
                {"serial": serial, "sealed": sealed},
            )


def opened(engine, *masters):
    """All keys as numbers, by serial."""
    query = text("SELECT m.id, m.serial FROM meter m JOIN meter_key k ON k.meter_id = m.id")
    with engine.connect() as connection:
        serials = dict(map(tuple, connection.execute(query)))
        found = keys.keys_of(connection, masters, list(serials))
    return {serials[meter_id]: int.from_bytes(each[0], "big") for meter_id, each in found.items()}


def expected(count):
    return {f"{number:08}": number for number in range(count)}


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(master_rotation, "KEYS_A_TRANSACTION", 3)


def test_after_a_rotation_the_new_master_key_alone_opens_everything(engine, small_chunks):
    fill(engine, 10)
    result = Rotation()
    steps = list(rotate(engine, SYSTEM, [OLD], NEW, result))
    assert (result.resealed, result.verified, result.failed) == (10, 10, {})
    assert [(step.done, step.total) for step in steps if step.phase is Phase.RESEAL] == [
        (3, 10), (6, 10), (9, 10), (10, 10),
    ]  # fmt: skip
    assert opened(engine, NEW) == expected(10)
    with pytest.raises(MasterKeyWrong):
        opened(engine, OLD)
    with engine.connect() as connection:
        events = connection.execute(text("SELECT action, subject, detail FROM audit_event ORDER BY id")).all()
        stock = keys.key_stock(connection, Settings(master_key=NEW.hex()))
    name = sealing.master_id(NEW).hex()
    assert [tuple(event) for event in events] == [
        ("begin-master-rotation", f"master-key:{name}", {}),
        ("end-master-rotation", f"master-key:{name}", {"resealed": 10, "verified": 10, "failed": 0}),
    ]
    assert stock.by_master == {name: 10}


@pytest.mark.parametrize("stop_after", range(1, 7))
def test_a_rotation_that_was_stopped_goes_on_where_it_was(engine, small_chunks, stop_after):
    fill(engine, 10)
    steps = rotate(engine, SYSTEM, [OLD], NEW, Rotation())
    for _ in range(stop_after):
        next(steps)
    steps.close()
    assert opened(engine, OLD, NEW) == expected(10)
    again = Rotation()
    list(rotate(engine, SYSTEM, [OLD], NEW, again))
    assert again.resealed == max(0, 10 - 3 * stop_after)
    assert again.verified == 10
    assert opened(engine, NEW) == expected(10)


def test_keys_that_no_master_key_opens_are_named_and_left_alone(engine, small_chunks):
    fill(engine, 4)
    fill(engine, 1, master=OTHER, first=4)
    fill(engine, 3, first=5)
    result = Rotation()
    list(rotate(engine, SYSTEM, [OLD], NEW, result))
    assert (result.resealed, result.verified) == (7, 7)
    assert list(result.failed) == ["KAM:00000004"]
    assert sealing.master_id(OTHER).hex() in result.failed["KAM:00000004"]
    assert opened(engine, NEW, OTHER) == expected(8)


def test_keys_are_used_and_added_all_through_a_rotation(engine, small_chunks):
    fill(engine, 60)
    done = Event()
    wrong = []
    hub = Settings(master_key=OLD.hex(), previous_master_key=NEW.hex())

    def work():
        rng = random.Random(3)
        number = 60
        while not done.is_set():
            try:
                if rng.random() < 0.3:
                    fill(engine, 1, first=number)
                    number += 1
                assert opened(engine, *hub.require_master_keys()) == expected(number)
            except (AssertionError, MasterKeyWrong) as error:
                wrong.append(repr(error))
                return

    hub_at_work = Thread(target=work)
    hub_at_work.start()
    try:
        list(rotate(engine, SYSTEM, [OLD], NEW, Rotation()))
    finally:
        done.set()
        hub_at_work.join(60)
    assert wrong == []
    last = Rotation()
    list(rotate(engine, SYSTEM, [OLD], NEW, last))
    assert last.failed == {}
    assert opened(engine, NEW) == expected(last.verified)
