import pytest
from Crypto.Cipher import AES
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from meterhub.access.principal import SYSTEM
from meterhub.assets import keys, sealing
from meterhub.assets.errors import MasterKeyWrong
from meterhub.errors import BadInput, NotFound
from meterhub.settings import Settings

MASTER = bytes(range(32))
KEY = bytes.fromhex("00112233445566778899aabbccddeeff")
OLDER = bytes.fromhex("ffeeddccbbaa99887766554433221100")
SETTINGS = Settings(master_key=MASTER.hex())

masters = st.binary(min_size=32, max_size=32)
meter_keys = st.binary(min_size=16, max_size=16) | st.binary(min_size=8, max_size=8)


@given(masters, meter_keys, st.text(max_size=20))
def test_a_sealed_key_opens_to_itself(master, key, meter):
    assert sealing.unseal([master], sealing.seal(master, key, meter), meter) == key


def test_the_same_key_sealed_twice_looks_different_and_never_like_the_key():
    one, two = sealing.seal(MASTER, KEY, "KAM:12345678"), sealing.seal(MASTER, KEY, "KAM:12345678")
    assert one != two
    assert KEY not in one
    assert len(one) == 1 + 4 + 12 + 16 + 16


def test_a_key_sealed_for_one_meter_does_not_open_for_another():
    sealed = sealing.seal(MASTER, KEY, "KAM:12345678")
    with pytest.raises(MasterKeyWrong, match="KAM:12345679"):
        sealing.unseal([MASTER], sealed, "KAM:12345679")


def test_another_master_key_is_told_apart_from_a_wrong_meter_key():
    sealed = sealing.seal(MASTER, KEY, "KAM:12345678")
    with pytest.raises(MasterKeyWrong, match="master key is not the one"):
        sealing.unseal([bytes(32)], sealed, "KAM:12345678")


@given(st.integers(min_value=0, max_value=48), st.integers(min_value=1, max_value=255))
def test_a_sealed_key_with_any_byte_changed_does_not_open(position, change):
    sealed = bytearray(sealing.seal(MASTER, KEY, "KAM:12345678"))
    sealed[position] ^= change
    with pytest.raises(MasterKeyWrong):
        sealing.unseal([MASTER], bytes(sealed), "KAM:12345678")


@given(st.integers(min_value=0, max_value=48))
def test_a_sealed_key_cut_short_does_not_open(length):
    with pytest.raises(MasterKeyWrong):
        sealing.unseal([MASTER], sealing.seal(MASTER, KEY, "KAM:12345678")[:length], "KAM:12345678")


def sealed_as_before(master, key, meter):
    """The form of the first version, without the id of the master key."""
    cipher = AES.new(master, AES.MODE_GCM, nonce=bytes(12))
    cipher.update(meter.encode())
    ciphertext, tag = cipher.encrypt_and_digest(key)
    return b"\x01" + bytes(12) + tag + ciphertext


@given(masters, masters, meter_keys, st.text(max_size=20), st.booleans())
def test_a_key_opens_with_the_master_key_it_was_sealed_under_among_several(one, other, key, meter, older_form):
    sealed = sealed_as_before(one, key, meter) if older_form else sealing.seal(one, key, meter)
    assert sealing.unseal([other, one], sealed, meter) == key
    assert sealing.unseal([one, other], sealed, meter) == key
    assert sealing.sealed_under(sealed) == ("" if older_form else sealing.master_id(one).hex())


def test_the_id_of_a_master_key_is_no_part_of_it_and_named_where_it_is_missing():
    sealed = sealing.seal(MASTER, KEY, "KAM:12345678")
    name = sealing.master_id(MASTER).hex()
    assert bytes.fromhex(name) not in MASTER
    with pytest.raises(MasterKeyWrong, match=f"stored under {name}"):
        sealing.unseal([bytes(32)], sealed, "KAM:12345678")


def test_a_key_of_another_length_is_not_sealed():
    with pytest.raises(ValueError, match="not 15"):
        sealing.seal(MASTER, KEY[:15], "KAM:12345678")


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("", "not 32 hex digits"),
        ("00112233445566778899aabbccddeef", "not 32 hex digits"),
        ("00112233445566778899aabbccddeefg", "not 32 hex digits"),
        ("00112233445566778899aabbccddeeff00", "not 32 hex digits"),
        ("00112233445566778899aabbccddee f", "has blanks"),
        (" 00112233445566778899aabbccddeeff", "has blanks"),
        ("00112233445566778899aabbccddeeff\n", "has blanks"),
    ],
)
def test_a_key_that_is_not_32_hex_digits_is_refused_without_repeating_it(written, problem):
    with pytest.raises(BadInput) as error:
        keys.parse_key(written)
    assert error.value.fields == {"key": problem}
    assert not written.strip() or written.strip() not in error.value.detail


@pytest.mark.parametrize(("written", "length"), [(KEY.hex(), 16), (KEY.hex().upper(), 16), (KEY[:8].hex(), 8)])
def test_a_key_is_read_in_either_case_and_in_the_older_length(written, length):
    assert keys.parse_key(written) == KEY[:length]


def register(engine, serial="12345678"):
    with engine.begin() as connection:
        statement = text("INSERT INTO meter (manufacturer, serial) VALUES ('KAM', :serial) RETURNING id")
        return connection.execute(statement, {"serial": serial}).scalar_one()


def count(engine, query):
    with engine.connect() as connection:
        return connection.execute(text(query)).scalar_one()


def test_a_new_key_comes_first_and_the_old_one_stays(engine):
    meter_id, other = register(engine), register(engine, "12345679")
    with engine.begin() as connection:
        keys.add_key(connection, SYSTEM, SETTINGS, meter_id, OLDER.hex())
        keys.add_key(connection, SYSTEM, SETTINGS, meter_id, KEY.hex())
    with engine.connect() as connection:
        assert keys.key_for(connection, SETTINGS, meter_id) == [KEY, OLDER]
        assert keys.key_for(connection, SETTINGS, other) == []
        assert keys.keys_of(connection, [MASTER], [other, meter_id, meter_id]) == {meter_id: (KEY, OLDER)}
        assert keys.keys_of(connection, [MASTER], []) == {}


def test_the_key_in_use_given_again_changes_nothing(engine):
    meter_id = register(engine)
    for _ in range(2):
        with engine.begin() as connection:
            keys.add_key(connection, SYSTEM, SETTINGS, meter_id, KEY.hex())
    assert count(engine, "SELECT count(*) FROM meter_key") == 1
    assert count(engine, "SELECT count(*) FROM audit_event") == 1


def test_a_key_added_is_on_record_without_the_key_and_its_frames_are_tried_again(engine):
    meter_id = register(engine)
    with engine.begin() as connection:
        keys.add_key(connection, SYSTEM, SETTINGS, meter_id, KEY.hex())
    with engine.connect() as connection:
        event = connection.execute(text("SELECT * FROM audit_event")).one()
        job = connection.execute(text("SELECT task_name, args, queueing_lock FROM procrastinate_jobs")).one()
        everything = connection.execute(text("SELECT encode(sealed, 'hex') FROM meter_key")).scalar_one()
    assert (event.actor, event.action, event.subject, event.detail) == (
        "system",
        "add-meter-key",
        "meter:KAM:12345678",
        {},
    )
    assert tuple(job) == ("ingest.retry", {"meter_id": meter_id}, f"ingest.retry:{meter_id}")
    assert KEY.hex() not in everything


def test_a_row_of_keys_moved_to_another_meter_is_noticed(engine):
    meter_id, other = register(engine), register(engine, "12345679")
    with engine.begin() as connection:
        keys.add_key(connection, SYSTEM, SETTINGS, meter_id, KEY.hex())
        connection.execute(text("UPDATE meter_key SET meter_id = :id"), {"id": other})
    with engine.connect() as connection, pytest.raises(MasterKeyWrong, match="KAM:12345679"):
        keys.key_for(connection, SETTINGS, other)


def test_a_key_for_no_meter_is_refused(engine):
    with engine.begin() as connection, pytest.raises(NotFound, match="4711"):
        keys.add_key(connection, SYSTEM, SETTINGS, 4711, KEY.hex())
