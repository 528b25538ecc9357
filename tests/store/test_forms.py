from sqlalchemy import text

from meterhub.store.backend import uses_timescale


def test_the_migrations_choose_the_form_that_the_server_offers(store, request):
    with store.connect() as connection:
        expected = connection.execute(text("SELECT count(*) FROM pg_extension WHERE extname = 'timescaledb'"))
        assert uses_timescale(connection) is (expected.scalar_one() == 1)
