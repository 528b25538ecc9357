import copy

import pytest
from sqlalchemy import event, text

from meterhub.assets.keys import keys_of
from tests.api.hub import MASTER_KEY, METER_KEY

PATH = "/api/v1/import/registers"
SECTIONS = ["properties", "customers", "metering_points", "meters", "keys", "installations", "contracts"]


def town(size, *, with_keys=True):
    """So many houses, each with a customer, a point, a meter, an installation and a contract."""
    return {
        "properties": [
            {"property_code": f"245-1-1-{i}", "street": f"Vesikuja {i}", "postal_code": "04200", "city": "Mallila"}
            for i in range(size)
        ],
        "customers": [
            {
                "customer_no": f"C-{i}",
                "name": f"Asukas {i}",
                "street": f"Vesikuja {i}",
                "postal_code": "04200",
                "city": "Mallila",
            }
            for i in range(size)
        ],
        "metering_points": [{"point_code": f"P-{i}", "property_code": f"245-1-1-{i}"} for i in range(size)],
        "meters": [
            {"manufacturer": "KAM", "serial": f"{i:08}", "model": "flowIQ"}
            | ({"key": f"{i:032X}"} if with_keys else {})
            for i in range(size)
        ],
        "installations": [
            {
                "manufacturer": "KAM",
                "serial": f"{i:08}",
                "point_code": f"P-{i}",
                "installed_at": "2026-01-01T00:00:00+02:00",
            }
            for i in range(size)
        ],
        "contracts": [
            {"contract_no": f"A-{i}", "customer_no": f"C-{i}", "point_code": f"P-{i}", "start_on": "2026-01-01"}
            for i in range(size)
        ],
    }


@pytest.fixture
def importer(hub):
    return hub.client("admin", "billing")


def stored(hub):
    """What the registers hold, in numbers."""
    tables = ["property", "customer", "metering_point", "meter", "meter_key", "installation", "contract"]
    return [hub.rows(f"SELECT count(*) AS n FROM {table}")[0]["n"] for table in tables]


def faults(response, status):
    assert response.status_code == status, response.text
    return {error["field"]: error["message"] for error in response.json()["errors"]}


def test_a_town_is_imported_and_the_same_again_changes_nothing(hub, importer):
    document = town(200)
    response = importer.post(PATH, json=document)
    assert response.status_code == 200, response.text
    assert {section: response.json()[section] for section in SECTIONS} == {
        section: {"added": 200, "unchanged": 0} for section in SECTIONS
    }
    assert stored(hub) == [200] * 7
    with hub.engine.connect() as connection:
        meter_id = connection.execute(text("SELECT id FROM meter WHERE serial = '00000123'")).scalar_one()
        assert keys_of(connection, [MASTER_KEY], [meter_id]) == {meter_id: ((123).to_bytes(16, "big"),)}
    assert importer.get("/api/v1/metering-points/P-7").json()["serial"] == "00000007"
    audited = len(hub.audit("import-registers"))
    jobs = hub.rows("SELECT count(*) AS n FROM procrastinate_jobs")
    again = importer.post(PATH, json=document)
    assert {section: again.json()[section] for section in SECTIONS} == {
        section: {"added": 0, "unchanged": 200} for section in SECTIONS
    }
    assert stored(hub) == [200] * 7
    assert len(hub.audit("import-registers")) == audited == 1
    assert hub.rows("SELECT count(*) AS n FROM procrastinate_jobs") == jobs


def test_an_import_is_on_record_in_numbers_only(hub, importer):
    importer.post(PATH, json=town(3))
    (note,) = hub.audit("import-registers")
    assert {name: count for name, count in note["detail"].items() if count} == dict.fromkeys(SECTIONS, 3)
    assert hub.audit("import-meter-keys")[0]["detail"] == {"count": 3}
    assert "Asukas" not in str(hub.rows("SELECT * FROM audit_event"))


def test_a_few_new_meters_are_retried_each_and_many_all_at_once(hub, importer):
    importer.post(PATH, json={"meters": town(3)["meters"]})
    jobs = hub.rows("SELECT args FROM procrastinate_jobs ORDER BY id")
    ids = hub.rows("SELECT id AS meter_id FROM meter ORDER BY id")
    assert [job["args"] for job in jobs] == ids
    importer.post(PATH, json={"meters": town(200)["meters"]})
    jobs = hub.rows("SELECT args FROM procrastinate_jobs ORDER BY id")
    assert [job["args"] for job in jobs[3:]] == [{}]


def test_an_import_in_parts_finds_what_earlier_parts_brought(hub, importer):
    document = town(5)
    for section, objects in document.items():
        response = importer.post(PATH, json={section: objects})
        assert response.json()[section] == {"added": 5, "unchanged": 0}, response.text
    assert stored(hub) == [5] * 7


def test_references_to_nothing_are_named_by_section_index_and_field_and_nothing_is_stored(hub, importer):
    document = town(3)
    document["metering_points"][1]["property_code"] = "nowhere"
    document["installations"][0]["serial"] = "99999999"
    document["installations"][2]["point_code"] = "P-9"
    document["contracts"][2] |= {"customer_no": "C-9"}
    found = faults(importer.post(PATH, json=document), 422)
    assert found == {
        "metering_points.1.property_code": "there is no property 'nowhere'",
        "installations.0.serial": "there is no meter KAM 99999999",
        "installations.2.point_code": "there is no metering point 'P-9'",
        "contracts.2.customer_no": "there is no customer 'C-9'",
    }
    assert stored(hub) == [0] * 7
    assert hub.rows("SELECT * FROM audit_event WHERE action = 'import-registers'") == []


def test_malformed_values_are_named_by_section_index_and_field(importer):
    document = town(3)
    document["customers"][2]["email"] = "nobody"
    document["meters"][0]["digits"] = 12
    document["contracts"][1]["start_on"] = "soon"
    found = faults(importer.post(PATH, json=document), 422)
    assert set(found) == {"customers.2.email", "meters.0.digits", "contracts.1.start_on"}


@pytest.mark.parametrize("section", ["properties", "customers", "metering_points", "meters", "contracts"])
def test_the_same_number_twice_in_a_document_is_named(hub, importer, section):
    document = town(3)
    document[section].append(copy.deepcopy(document[section][1]))
    (path, message), *more = faults(importer.post(PATH, json=document), 422).items()
    assert path.startswith(f"{section}.3.")
    assert message == f"is also in {section}.1"
    assert more == []
    assert stored(hub) == [0] * 7


def test_the_same_installation_twice_in_a_document_is_named(importer):
    document = town(3)
    document["installations"].append(document["installations"][1])
    found = faults(importer.post(PATH, json=document), 422)
    assert found == {"installations.3.serial": "is also in installations.1"}


@pytest.mark.parametrize(
    ("section", "change", "field"),
    [
        ("properties", {"street": "Toinen tie 1"}, "street"),
        ("customers", {"email": "a@example.org"}, "email"),
        ("metering_points", {"services": ["water"]}, "services"),
        ("metering_points", {"property_code": "245-1-1-0"}, "property_code"),
        ("meters", {"digits": 6}, "digits"),
        ("meters", {"key": METER_KEY}, "key"),
        ("installations", {"removed_at": "2026-06-01T00:00:00Z"}, "removed_at"),
        ("contracts", {"customer_no": "C-0"}, "customer_no"),
        ("contracts", {"end_on": "2026-06-01"}, "end_on"),
        ("contracts", {"billing_group": "monthly"}, "billing_group"),
    ],
)
def test_what_differs_from_what_is_stored_is_a_conflict_that_changes_nothing(
    hub, importer, section, change, field
):
    importer.post(PATH, json=town(2))
    document = town(4)
    document[section][1] |= change
    found = faults(importer.post(PATH, json=document), 409)
    assert list(found) == [f"{section}.1.{field}"]
    assert stored(hub) == [2] * 7
    assert METER_KEY not in str(found)


def test_overlaps_with_what_is_stored_or_stands_in_the_document_name_what_is_in_the_way(hub, importer):
    importer.post(PATH, json=town(2))
    second = {"manufacturer": "KAM", "serial": "00000005"}
    document = {
        "meters": [second],
        "installations": [
            second | {"point_code": "P-1", "installed_at": "2026-03-01T00:00:00Z"},
        ],
        "contracts": [
            {"contract_no": "A-5", "customer_no": "C-0", "point_code": "P-1", "start_on": "2025-01-01"},
        ],
    }
    found = faults(importer.post(PATH, json=document), 409)
    assert "meter KAM 00000001 is at P-1" in found["installations.0.installed_at"]
    assert "contract A-1 on P-1" in found["contracts.0.start_on"]
    document["installations"][0] |= {"removed_at": "2025-06-01T00:00:00Z", "installed_at": "2025-01-01T00:00:00Z"}
    document["contracts"][0]["end_on"] = "2026-01-01"
    assert importer.post(PATH, json=document).status_code == 200
    twice = {
        "metering_points": [{"point_code": "P-7", "property_code": "245-1-1-0"}],
        "installations": [
            second | {"point_code": "P-7", "installed_at": f"2026-0{m}-01T00:00:00Z"} for m in (1, 2)
        ],
    }
    found = faults(importer.post(PATH, json=twice), 409)
    assert "meter KAM 00000005 is at P-7 from 2026-01-01" in found["installations.1.installed_at"]


def test_ends_before_starts_are_named(importer):
    document = town(2)
    document["installations"][1]["removed_at"] = "2020-01-01T00:00:00Z"
    document["contracts"][0]["end_on"] = "2026-01-01"
    found = faults(importer.post(PATH, json=document), 422)
    assert found == {
        "installations.1.removed_at": "is not after installed_at",
        "contracts.0.end_on": "is not after start_on",
    }


def test_a_key_that_cannot_be_one_is_named_and_not_repeated(hub, importer):
    document = town(2)
    document["meters"][1]["key"] = METER_KEY[:-1]
    response = importer.post(PATH, json=document)
    assert list(faults(response, 422)) == ["meters.1.key"]
    assert METER_KEY[:-1] not in response.text
    assert stored(hub) == [0] * 7


def test_keys_need_the_permission_for_keys(hub):
    clerk = hub.client("billing")
    assert clerk.post(PATH, json=town(2)).status_code == 403
    assert stored(hub) == [0] * 7
    assert clerk.post(PATH, json=town(2, with_keys=False)).status_code == 200
    assert stored(hub) == [2, 2, 2, 2, 0, 2, 2]


def test_no_more_than_a_hundred_faults_are_told(importer):
    document = {"installations": town(150)["installations"]}
    response = importer.post(PATH, json=document)
    assert len(faults(response, 422)) == 100
    assert response.json()["detail"].startswith("300 faults")


def test_a_larger_town_takes_no_more_statements(hub, importer):
    statements = []
    event.listen(hub.engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    counts = []
    for size in (150, 600):
        assert importer.post(PATH, json=town(size)).status_code == 200
        counts.append(len(statements))
        statements.clear()
    # the second finds the first town there already
    assert counts[0] == counts[1] < 50
