from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from threading import Barrier

from sqlalchemy import text

from meterhub.access.principal import SYSTEM
from meterhub.assets import keys, placement
from meterhub.errors import Conflict

MASTER = bytes(range(32))
WHEN = datetime(2026, 1, 1, tzinfo=UTC)
REGISTERS = """
    INSERT INTO property (property_code, street, postal_code, city) VALUES ('K', 'Vesikuja 1', '04200', 'Mallila');
    INSERT INTO metering_point (point_code, property_id, services) SELECT 'P', id, '{water}' FROM property;
    INSERT INTO meter (manufacturer, serial) VALUES ('KAM', '00000000'), ('KAM', '00000001');
    INSERT INTO customer (customer_no, name, street, postal_code, city)
        VALUES ('0', 'A', 'Vesikuja 1', '04200', 'Mallila'), ('1', 'B', 'Vesikuja 1', '04200', 'Mallila');
"""


def at_once(engine, *calls):
    """Run calls in transactions that begin together; return what each came to."""
    with engine.begin() as connection:
        connection.execute(text(REGISTERS))
    together = Barrier(len(calls))

    def run(call):
        try:
            with engine.begin() as connection:
                together.wait(30)
                call(connection)
        except Conflict as error:
            return error.detail
        return "done"

    with ThreadPoolExecutor(len(calls)) as pool:
        return sorted(pool.map(run, calls))


def test_of_two_meters_put_at_one_point_at_once_one_is_refused_by_name(engine):
    def install(serial):
        return lambda connection: placement.install_meter(
            connection, SYSTEM, manufacturer="KAM", serial=serial, point_code="P", installed_at=WHEN
        )

    done, refused = at_once(engine, install("00000000"), install("00000001"))
    assert done == "done"
    assert "is at P from 2026-01-01" in refused


def test_of_two_contracts_on_one_point_at_once_one_is_refused_by_name(engine):
    def start(number):
        return lambda connection: placement.start_contract(
            connection,
            SYSTEM,
            contract_no=number,
            customer_no=number,
            point_code="P",
            start_on=date(2026, 1, 1),
            billing_group="monthly",
        )

    done, refused = sorted(at_once(engine, start("0"), start("1")))
    assert done == "done"
    assert "on P from 2026-01-01 until further notice" in refused


def test_the_same_key_stored_twice_at_once_is_kept_once(engine):
    def store(connection):
        meter_id = connection.execute(text("SELECT id FROM meter WHERE serial = '00000000'")).scalar_one()
        keys.store_keys(connection, SYSTEM, [MASTER], {meter_id: bytes(16)})

    assert at_once(engine, store, store) == ["done", "done"]
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM meter_key")).scalar_one() == 1
