import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from meterhub import schema
from meterhub.kit.db import make_engine


def empty_database(postgres, name):
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    return make_engine(postgres.create_database(name))


def objects(engine):
    query = text(
        "SELECT relkind::text, relname FROM pg_class WHERE relnamespace = 'public'::regnamespace "
        "AND relname NOT LIKE 'alembic%' UNION "
        "SELECT 'f', p.proname FROM pg_proc p WHERE pronamespace = 'public'::regnamespace AND NOT EXISTS "
        "(SELECT 1 FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')"
    )
    with engine.connect() as connection:
        return sorted(map(tuple, connection.execute(query)))


def test_the_migrations_build_what_the_tables_declare(engine):
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={"include_object": lambda _o, name, *_: not (name or "").startswith("procrastinate_")},
        )
        assert compare_metadata(context, schema.metadata) == []


def test_every_migration_goes_down_to_nothing_and_up_again_to_the_same(postgres):
    engine = empty_database(postgres, "up_and_down")
    schema.upgrade(engine)
    first = objects(engine)
    schema.downgrade(engine, "base")
    assert objects(engine) == []
    schema.upgrade(engine)
    assert objects(engine) == first
    assert schema.current(engine) == schema.head()
    engine.dispose()


def test_each_migration_can_be_taken_back_alone(postgres):
    engine = empty_database(postgres, "step_by_step")
    revisions = [r.revision for r in ScriptDirectory.from_config(schema.config()).walk_revisions("base", "head")]
    for revision in reversed(revisions):
        before = objects(engine)
        schema.upgrade(engine, revision)
        schema.downgrade(engine, "-1")
        assert objects(engine) == before, f"{revision} leaves something behind"
        schema.upgrade(engine, revision)
    engine.dispose()


OLD_INVOICE = """
INSERT INTO customer (customer_no, name, street, postal_code, city) VALUES ('C', 'N', 'S', '04200', 'K');
INSERT INTO invoice (number, reference, type, customer_id, issued_on, due_on, currency, net, vat, gross, snapshot)
SELECT '2025-000001', '1232', 'invoice', id, '2025-04-10', '2025-04-24', 'EUR', 0, 0, 0,
       '{"schema": 1, "point": {"point_code": "MP-1"}}'
FROM customer;
INSERT INTO invoice_line (invoice_id, position, component, quantity, unit, unit_price, price_base_quantity, net,
                          vat_category, vat_rate, trace)
SELECT i.id, n, component, 0, unit, 1, 1, 0, 'S', 24, '{}'
FROM invoice i, (VALUES (1, 'WATER', 'MTQ'), (2, 'BASE', 'DAY')) AS l (n, component, unit)
"""


def test_lines_of_before_get_the_point_of_their_snapshot_and_stay_guarded(postgres):
    engine = empty_database(postgres, "old_lines")
    schema.upgrade(engine, "0028")
    with engine.begin() as connection:
        for statement in OLD_INVOICE.split(";"):
            connection.exec_driver_sql(statement)
    schema.upgrade(engine)
    with engine.connect() as connection:
        points = connection.execute(text("SELECT component, point FROM invoice_line ORDER BY position"))
        assert [tuple(row) for row in points] == [("WATER", "MP-1"), ("BASE", None)]
        with pytest.raises(DBAPIError, match="invoice_line"):
            connection.execute(text("UPDATE invoice_line SET point = NULL"))
    engine.dispose()


def test_an_issued_invoice_and_a_read_refuse_to_be_edited(engine):
    query = text(
        "SELECT DISTINCT tgrelid::regclass::text FROM pg_trigger WHERE tgfoid = 'refuse_change'::regproc "
        "AND tgparentid = 0 ORDER BY 1"
    )
    with engine.connect() as connection:
        assert [row[0] for row in connection.execute(query)] == [
            "accounting_exported", "alert_event", "allocation", "audit_event", "billing_frozen",
            "billing_picture", "credit",
            "credit_line", "dunning_event", "finding_event", "fleet_alarm_event", "hour_edit", "interest_charge",
            "invoice", "invoice_line", "invoice_vat", "ledger_entry", "payment", "raw_frame", "read_edit",
            "refund_event", "register_read",
        ]  # fmt: skip
