from sqlalchemy import text

from meterhub.jobs.rescue import tidy
from meterhub.kit.queue import defer


def a_run(connection, state):
    connection.execute(
        text(
            "INSERT INTO tariff (code, name, country, currency) "
            "VALUES ('T', 'T', 'FI', 'EUR') ON CONFLICT DO NOTHING"
        )
    )
    return connection.execute(
        text(
            "INSERT INTO billing_run (billing_group, period, tariff_id, state, issued_on, due_on, created_by) "
            "SELECT 'quarterly', daterange(d, d + 1), 1, :state, '2026-04-01', '2026-04-15', 'maija' "
            "FROM (SELECT date '2026-01-01' + count(*)::integer AS d FROM billing_run) AS next RETURNING id"
        ),
        {"state": state},
    ).scalar_one()


def waiting(connection):
    rows = connection.execute(text("SELECT (args ->> 'run_id')::int FROM procrastinate_jobs ORDER BY id"))
    return list(rows.scalars())


def test_a_billing_run_that_nobody_carries_out_is_queued_again_once(engine):
    with engine.begin() as connection:
        lost = a_run(connection, "running")
        a_run(connection, "issued")
        a_run(connection, "failed")
        under_way = a_run(connection, "running")
        defer(connection, "billing.run", {"run_id": under_way}, once=f"billing.run:{under_way}")
        connection.execute(text("UPDATE procrastinate_jobs SET status = 'doing'"))
    tidy(engine)
    tidy(engine)
    with engine.connect() as connection:
        assert waiting(connection) == [under_way, lost]


def test_traces_of_changes_go_after_a_day(engine):
    with engine.begin() as connection:
        for age in ("23 hours", "25 hours"):
            connection.execute(
                text("INSERT INTO registry_change (at) VALUES (now() - CAST(:a AS interval))"), {"a": age}
            )
    tidy(engine)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*), min(id) FROM registry_change")).one() == (1, 1)


def test_a_job_that_already_waits_is_not_queued_twice(engine):
    with engine.begin() as connection:
        for _ in range(3):
            defer(connection, "readings.rollup", once="readings.rollup")
        connection.execute(text("UPDATE procrastinate_jobs SET status = 'doing'"))
        defer(
            connection, "readings.rollup", once="readings.rollup"
        )  # asked for while one runs: it may have missed it
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM procrastinate_jobs")).scalar_one() == 2


def test_a_quarantine_retry_that_gave_up_starts_anew_once(engine):
    with engine.begin() as connection:
        for _ in range(2):
            defer(connection, "ingest.retry", {"meter_id": 7}, once="ingest.retry:7")
            connection.execute(text("UPDATE procrastinate_jobs SET status = 'failed'"))
    tidy(engine)
    tidy(engine)
    with engine.connect() as connection:
        query = text("SELECT task_name, args, status::text FROM procrastinate_jobs")
        assert [tuple(row) for row in connection.execute(query)] == [("ingest.retry", {"meter_id": 7}, "todo")]


def test_jobs_that_ended_go_after_a_month_and_no_others(engine):
    with engine.begin() as connection:
        states = (("failed", 31), ("failed", 29), ("succeeded", 31), ("todo", 31), ("doing", 31))
        for number, (status, age) in enumerate(states, 1):
            defer(connection, "billing.run", {"run_id": number}, once=f"run:{number}")
            values = {"n": number, "status": status, "age": age}
            for query in (
                "UPDATE procrastinate_jobs SET status = CAST(:status AS procrastinate_job_status) WHERE id = :n",
                "UPDATE procrastinate_events SET at = now() - :age * interval '1 day' WHERE job_id = :n",
            ):
                connection.execute(text(query), values)
    tidy(engine)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT id FROM procrastinate_jobs ORDER BY id")).scalars().all() == [
            2,
            4,
            5,
        ]
