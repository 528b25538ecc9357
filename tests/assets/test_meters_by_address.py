from sqlalchemy import event, text

from meterhub.assets.repository import MeterRow, meters_by_address


def test_registered_meters_are_found_by_address_in_one_query(engine):
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO meter (manufacturer, serial, device_version, device_type, model, digits) "
                "SELECT 'KAM', lpad(i::text, 8, '0'), 27, 22, 'flowIQ', 5 FROM generate_series(1, 1000) AS i"
            )
        )
        statements = []
        event.listen(engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
        wanted = {("KAM", "00000007"), ("KAM", "00001001"), ("DME", "00000007"), ("KAM", "00001000")}
        found = meters_by_address(connection, wanted)
    assert set(found) == {("KAM", "00000007"), ("KAM", "00001000")}
    assert len(statements) == 1
    seven = found["KAM", "00000007"]
    assert seven == MeterRow(seven.id, "KAM", "00000007", 27, 22, "flowIQ", 5)


def test_no_address_asked_for_is_no_query(engine):
    with engine.connect() as connection:
        assert meters_by_address(connection, []) == {}
