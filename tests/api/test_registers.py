import pytest

from tests.api.hub import METER_KEY

PROPERTY = {"property_code": "245-1-10-7", "street": "Vesikuja 2", "postal_code": "04200", "city": "Mallila"}
CUSTOMER = {
    "customer_no": "C-1",
    "kind": "private",
    "name": "Maija Meikäläinen",
    "street": "Vesikuja 2 as 1",
    "postal_code": "04200",
    "city": "Mallila",
    "email": "maija@example.org",
    "language": "fi",
    "delivery_channel": "paper",
    "einvoice_address": None,
    "einvoice_operator": None,
    "business_id": None,
    "billing_name": None,
    "billing_street": None,
    "billing_postal_code": None,
    "billing_city": None,
}
POINT = {"point_code": "P-1", "property_code": "245-1-10-7", "services": ["water", "wastewater"]}
METER = {
    "manufacturer": "KAM",
    "serial": "76348799",
    "device_version": 27,
    "device_type": 22,
    "model": "Multical 21",
}
INSTALLATION = {
    "manufacturer": "KAM",
    "serial": "76348799",
    "point_code": "P-1",
    "installed_at": "2026-03-02T08:15:00Z",
}
CONTRACT = {
    "contract_no": "A-1",
    "customer_no": "C-1",
    "point_code": "P-1",
    "start_on": "2026-03-02",
    "billing_group": "monthly",
}


@pytest.fixture
def clerk(hub):
    return hub.client("billing")


def post(client, path, body, status=201):
    response = client.post(f"/api/v1/{path}", json=body)
    assert response.status_code == status, response.text
    return response.json()


@pytest.fixture
def settled(clerk):
    """One customer with one meter at one point."""
    post(clerk, "properties", PROPERTY)
    post(clerk, "customers", CUSTOMER)
    post(clerk, "metering-points", POINT)
    post(clerk, "meters", METER)
    post(clerk, "installations", INSTALLATION)
    post(clerk, "contracts", CONTRACT)
    return clerk


def test_a_customer_is_opened_shown_and_corrected_with_the_changed_fields_on_record(hub, clerk):
    assert post(clerk, "customers", CUSTOMER) == CUSTOMER
    assert clerk.get("/api/v1/customers/C-1").json() == CUSTOMER
    values = {k: v for k, v in CUSTOMER.items() if k != "customer_no"} | {"city": "Toinen", "email": None}
    for _ in range(2):
        response = clerk.put("/api/v1/customers/C-1", json=values)
        assert response.json() == CUSTOMER | {"city": "Toinen", "email": None}
    (note,) = hub.audit("correct-customer")
    assert note["subject"] == "customer:C-1"
    assert note["detail"] == {"fields": ["city", "email"]}
    assert note["purpose"] == "customer-service"
    assert len(hub.audit("view-customer")) == 1
    assert "Meikäläinen" not in str(hub.rows("SELECT * FROM audit_event"))


def test_a_number_that_is_taken_is_a_conflict_that_names_it(clerk):
    for path, body, field in [
        ("properties", PROPERTY, "property_code"),
        ("customers", CUSTOMER, "customer_no"),
        ("metering-points", POINT, "point_code"),
        ("meters", METER, "serial"),
    ]:
        post(clerk, path, body)
        problem = post(clerk, path, body, 409)
        assert problem["errors"] == [{"field": field, "message": "taken"}]
        assert body[field] in problem["detail"]


def test_customers_are_found_by_the_beginning_of_the_number_or_a_part_of_the_name_page_by_page(hub, clerk):
    names = ["Aalto", "Salonen", "Aho", "50 % Oy", "Vesa_Oy"]
    for index, name in enumerate(names):
        post(clerk, "customers", CUSTOMER | {"customer_no": f"C-{index}", "name": name})

    def found(**query):
        response = clerk.get("/api/v1/customers", params=query)
        assert response.status_code == 200, response.text
        return [item["name"] for item in response.json()["items"]], response.json()["next_cursor"]

    assert found(search="al") == (["Aalto", "Salonen"], None)
    assert found(search="C-2") == (["Aho"], None)
    assert found(search="0 %") == (["50 % Oy"], None)
    assert found(search="_") == (["Vesa_Oy"], None)
    assert found(search="nobody") == ([], None)
    first, cursor = found(limit=2)
    second, last = found(limit=3, cursor=cursor)
    assert first + second == names
    assert last is None
    assert hub.audit("search-customers")[0]["detail"] == {"count": 2}
    assert hub.audit("list-customers")[0]["detail"] == {"count": 2}


def test_a_property_with_a_norwegian_code_is_kept_and_corrected(hub, clerk):
    code = "3203-12/345/0/7"
    post(clerk, "properties", PROPERTY | {"property_code": code})
    assert clerk.get(f"/api/v1/properties/{code}").json()["property_code"] == code
    address = {"street": "Fjordveien 1", "postal_code": "1384", "city": "Asker"}
    assert clerk.put(f"/api/v1/properties/{code}", json=address).json() == address | {"property_code": code}
    assert hub.audit("correct-property")[0]["detail"] == {"fields": ["city", "postal_code", "street"]}
    page = clerk.get("/api/v1/properties", params={"search": "ordv"}).json()
    assert page == {"items": [address | {"property_code": code}], "next_cursor": None}
    assert clerk.get("/api/v1/properties/none").status_code == 404


def test_a_metering_point_shows_its_meters_and_contracts(settled):
    shown = settled.get("/api/v1/metering-points/P-1").json()
    here = {"manufacturer": "KAM", "serial": "76348799"}
    assert shown == {
        **PROPERTY,
        **POINT,
        **here,
        "services": ["wastewater", "water"],
        "deducts_from": None,
        "installations": [INSTALLATION | {"removed_at": None}],
        "contracts": [
            {
                "contract_no": "A-1",
                "start_on": "2026-03-02",
                "end_on": None,
                "billing_group": "monthly",
                "customer_no": "C-1",
                "customer_name": "Maija Meikäläinen",
            }
        ],
    }


def test_operations_see_points_and_meters_but_no_customer(hub, settled):
    before = len(hub.audit("view-metering-point"))
    shown = hub.client("operations").get("/api/v1/metering-points/P-1")
    assert shown.status_code == 200
    assert shown.json()["contracts"][0]["customer_no"] is None
    assert shown.json()["contracts"][0]["customer_name"] is None
    assert "Meikäläinen" not in shown.text
    assert len(hub.audit("view-metering-point")) == before
    hub.client("read-only").get("/api/v1/metering-points/P-1")
    assert hub.audit("view-metering-point")[before]["subject"] == "metering-point:P-1"


def test_points_are_found_by_code_by_street_and_by_serial(settled):
    post(settled, "properties", PROPERTY | {"property_code": "other", "street": "Kotikatu 1"})
    post(settled, "metering-points", POINT | {"point_code": "P-2", "property_code": "other"})

    def found(search):
        page = settled.get("/api/v1/metering-points", params={"search": search}).json()
        return [item["point_code"] for item in page["items"]]

    assert found("") == ["P-1", "P-2"]
    assert found("P-") == ["P-1", "P-2"]
    assert found("KOTI") == ["P-2"]
    assert found("7634") == ["P-1"]
    assert found("76348799") == ["P-1"]
    assert found("%") == []
    page = settled.get("/api/v1/metering-points", params={"limit": 1}).json()
    assert page["next_cursor"] == "P-1"
    assert page["items"][0]["serial"] == "76348799"
    page = settled.get("/api/v1/metering-points", params={"limit": 1, "cursor": "P-1"}).json()
    assert [item["point_code"] for item in page["items"]] == ["P-2"]
    assert page["next_cursor"] is None


def test_a_point_on_an_unknown_property_is_refused_by_field(clerk):
    problem = post(clerk, "metering-points", POINT, 422)
    assert problem["errors"] == [{"field": "property_code", "message": "unknown"}]


def test_a_meter_is_registered_and_its_waiting_telegrams_are_tried_again(hub, clerk):
    shown = post(clerk, "meters", METER | {"manufacturer": "kam"})
    assert shown == METER | {
        "digits": 5,
        "size_mm": None,
        "q3_m3h": None,
        "point_code": None,
        "key_count": 0,
    }
    (job,) = hub.rows("SELECT task_name, args FROM procrastinate_jobs")
    (meter,) = hub.rows("SELECT id FROM meter")
    assert job == {"task_name": "ingest.retry", "args": {"meter_id": meter["id"]}}
    corrected = clerk.put("/api/v1/meters/KAM/76348799", json={"digits": 6, "model": "flowIQ"})
    assert corrected.json()["digits"] == 6
    assert corrected.json()["device_version"] is None
    assert hub.audit("correct-meter")[0]["detail"] == {
        "fields": ["device_type", "device_version", "digits", "model"]
    }


def test_meters_are_listed_by_manufacturer_and_serial_with_a_cursor(clerk):
    for manufacturer, serial in [("KAM", "00000002"), ("DME", "00000009"), ("KAM", "00000001")]:
        post(clerk, "meters", {"manufacturer": manufacturer, "serial": serial})
    page = clerk.get("/api/v1/meters", params={"limit": 2}).json()
    assert [item["serial"] for item in page["items"]] == ["00000009", "00000001"]
    rest = clerk.get("/api/v1/meters", params={"limit": 2, "cursor": page["next_cursor"]}).json()
    assert [item["serial"] for item in rest["items"]] == ["00000002"]
    assert rest["next_cursor"] is None
    found = clerk.get("/api/v1/meters", params={"search": "00000009"}).json()
    assert [item["manufacturer"] for item in found["items"]] == ["DME"]


def test_a_key_goes_in_and_never_comes_out(hub, settled):
    custodian = hub.client("admin")
    path = "/api/v1/meters/KAM/76348799/key"
    assert custodian.get(path).json() == {"key_count": 0, "since_at": None}
    for _ in range(2):
        assert custodian.put(path, json={"key": METER_KEY}).status_code == 204
    status = custodian.get(path)
    assert status.json()["key_count"] == 1
    assert status.json()["since_at"] is not None
    everything = [
        status.text,
        settled.get("/api/v1/meters/KAM/76348799").text,
        settled.get("/api/v1/metering-points/P-1").text,
        str(hub.rows("SELECT * FROM audit_event")),
        str(hub.rows("SELECT args FROM procrastinate_jobs")),
        str(hub.rows("SELECT encode(sealed, 'hex') FROM meter_key")),
    ]
    assert not any(METER_KEY.lower() in text.lower() for text in everything)
    assert settled.get("/api/v1/meters/KAM/76348799").json()["key_count"] == 1
    assert [note["subject"] for note in hub.audit("add-meter-key")] == ["meter:KAM:76348799"]


@pytest.mark.parametrize("key", ["", "00", METER_KEY[:-1], METER_KEY[:-1] + " ", "g" * 32])
def test_a_key_that_cannot_be_one_is_refused_without_repeating_it(hub, settled, key):
    response = hub.client("admin").put("/api/v1/meters/KAM/76348799/key", json={"key": key})
    assert response.status_code == 422
    assert response.json()["errors"][0]["field"] == "key"
    assert len(key) < 3 or key not in response.text


def test_a_key_for_an_unknown_meter_is_not_found(hub):
    response = hub.client("admin").put("/api/v1/meters/KAM/00000001/key", json={"key": METER_KEY})
    assert response.status_code == 404


def test_two_meters_on_one_point_and_one_meter_on_two_points_are_refused_by_name(settled):
    post(settled, "meters", METER | {"serial": "00000002"})
    problem = post(settled, "installations", INSTALLATION | {"serial": "00000002"}, 409)
    assert "meter KAM 76348799 is at P-1 from 2026-03-02T08:15:00+00:00" in problem["detail"]
    post(settled, "metering-points", POINT | {"point_code": "P-2"})
    problem = post(settled, "installations", INSTALLATION | {"point_code": "P-2"}, 409)
    assert "meter KAM 76348799 is at P-1" in problem["detail"]
    earlier = INSTALLATION | {"serial": "00000002", "installed_at": "2020-01-01T00:00:00Z"}
    post(settled, "installations", earlier, 409)
    for change, field in [({"serial": "99999999"}, "serial"), ({"point_code": "P-9"}, "point_code")]:
        problem = post(settled, "installations", INSTALLATION | change, 422)
        assert problem["errors"] == [{"field": field, "message": "unknown"}]


def test_a_meter_is_exchanged_at_one_instant(hub, settled):
    post(settled, "meters", METER | {"serial": "00000002"})
    body = {"manufacturer": "KAM", "serial": "00000002", "exchanged_at": "2026-05-01T10:00:00+03:00"}
    done = post(settled, "metering-points/P-1/exchange", body)
    assert done == {
        "manufacturer": "KAM",
        "serial": "00000002",
        "point_code": "P-1",
        "installed_at": "2026-05-01T07:00:00Z",
        "removed_at": None,
    }
    shown = settled.get("/api/v1/metering-points/P-1").json()
    assert shown["serial"] == "00000002"
    assert [(i["serial"], i["removed_at"]) for i in shown["installations"]] == [
        ("00000002", None),
        ("76348799", "2026-05-01T07:00:00Z"),
    ]
    assert hub.audit("exchange-meter")[0]["detail"] == {"meter": "KAM:00000002"}


def test_an_exchange_with_a_meter_that_is_elsewhere_changes_nothing(settled):
    post(settled, "metering-points", POINT | {"point_code": "P-2"})
    post(settled, "meters", METER | {"serial": "00000002"})
    post(settled, "installations", INSTALLATION | {"serial": "00000002", "point_code": "P-2"})
    before = settled.get("/api/v1/metering-points/P-1").json()
    body = {"manufacturer": "KAM", "serial": "00000002", "exchanged_at": "2026-05-01T10:00:00Z"}
    assert "P-2" in post(settled, "metering-points/P-1/exchange", body, 409)["detail"]
    assert settled.get("/api/v1/metering-points/P-1").json() == before


def test_a_meter_leaves_once_and_not_before_it_came(settled):
    path = "metering-points/P-1/removal"
    problem = post(settled, path, {"removed_at": "2026-03-02T08:15:00Z"}, 422)
    assert problem["errors"] == [{"field": "removed_at", "message": "not after the installation"}]
    assert post(settled, path, {"removed_at": "2026-04-01T00:00:00Z"}, 200)["removed_at"] == "2026-04-01T00:00:00Z"
    assert "no meter is installed" in post(settled, path, {"removed_at": "2026-05-01T00:00:00Z"}, 409)["detail"]
    # and then stands elsewhere
    post(settled, "metering-points", POINT | {"point_code": "P-2"})
    post(settled, "installations", INSTALLATION | {"point_code": "P-2", "installed_at": "2026-04-01T00:00:00Z"})
    assert settled.get("/api/v1/meters/KAM/76348799").json()["point_code"] == "P-2"


def test_a_naive_time_is_refused(settled):
    problem = post(settled, "metering-points/P-1/removal", {"removed_at": "2026-04-01T00:00:00"}, 422)
    assert problem["errors"][0]["field"] == "removed_at"


def test_a_second_contract_on_a_point_is_refused_until_the_first_ends(hub, settled):
    post(settled, "customers", CUSTOMER | {"customer_no": "C-2", "name": "Matti"})
    moving_in = CONTRACT | {"contract_no": "A-2", "customer_no": "C-2", "start_on": "2026-06-01"}
    problem = post(settled, "contracts", moving_in, 409)
    assert "contract A-1 on P-1 from 2026-03-02 until further notice" in problem["detail"]
    assert problem["errors"] == [{"field": "start_on", "message": "meets another contract"}]
    ended = post(settled, "contracts/A-1/end", {"end_on": "2026-06-01"}, 200)
    assert (ended["start_on"], ended["end_on"]) == ("2026-03-02", "2026-06-01")
    assert post(settled, "contracts", moving_in)["end_on"] is None
    problem = post(settled, "contracts/A-1/end", {"end_on": "2026-07-01"}, 409)
    assert "contract A-2 on P-1 from 2026-06-01" in problem["detail"]
    problem = post(settled, "contracts/A-1/end", {"end_on": "2026-03-02"}, 422)
    assert problem["errors"][0]["field"] == "end_on"
    post(settled, "contracts/A-1/end", {"end_on": "2026-05-01"}, 200)
    post(settled, "contracts/A-1/end", {"end_on": "2026-05-01"}, 200)
    assert len(hub.audit("end-contract")) == 2
    assert settled.get("/api/v1/contracts/A-1").json()["end_on"] == "2026-05-01"


def test_contracts_are_listed_by_customer_and_by_point(hub, settled):
    post(settled, "metering-points", POINT | {"point_code": "P-2"})
    post(settled, "contracts", CONTRACT | {"contract_no": "A-2", "point_code": "P-2"})

    def found(**query):
        page = settled.get("/api/v1/contracts", params=query).json()
        return [item["contract_no"] for item in page["items"]], page["next_cursor"]

    assert found(customer_no="C-1") == (["A-1", "A-2"], None)
    assert found(point_code="P-2") == (["A-2"], None)
    assert found(limit=1) == (["A-1"], "A-1")
    assert found(limit=1, cursor="A-1") == (["A-2"], None)
    assert found(customer_no="C-9") == ([], None)
    assert hub.audit("list-contracts")[0]["subject"] == "customer:C-1"


def test_a_contract_needs_a_known_customer_and_point_and_a_number_of_its_own(settled):
    unknown = CONTRACT | {"contract_no": "A-2", "customer_no": "C-9", "point_code": "P-9"}
    problem = post(settled, "contracts", unknown, 422)
    assert {error["field"] for error in problem["errors"]} == {"customer_no", "point_code"}
    problem = post(settled, "contracts", CONTRACT, 409)
    assert problem["errors"] == [{"field": "contract_no", "message": "taken"}]


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("customers", CUSTOMER | {"email": "nobody"}, "email"),
        ("customers", CUSTOMER | {"kind": "cat"}, "kind"),
        ("customers", CUSTOMER | {"name": " "}, "name"),
        ("customers", CUSTOMER | {"name": "a\x00b"}, "name"),
        ("customers", CUSTOMER | {"customer_no": "a b"}, "customer_no"),
        ("customers", CUSTOMER | {"customer_no": "a/b"}, "customer_no"),
        ("customers", CUSTOMER | {"nmae": "x"}, "nmae"),
        ("metering-points", POINT | {"services": []}, "services"),
        ("metering-points", POINT | {"services": ["gas"]}, "services.0"),
        ("meters", METER | {"serial": "1234"}, "serial"),
        ("meters", METER | {"manufacturer": "K4M"}, "manufacturer"),
        ("meters", METER | {"digits": 2}, "digits"),
        ("contracts", CONTRACT | {"start_on": "2026-02-30"}, "start_on"),
        ("contracts", CONTRACT | {"billing_group": "every day"}, "billing_group"),
        ("customers", CUSTOMER | {"delivery_channel": "fax"}, "delivery_channel"),
    ],
)
def test_a_value_that_cannot_be_right_is_refused_by_field(clerk, path, body, field):
    problem = post(clerk, path, body, 422)
    assert problem["code"] == "bad-input"
    assert [error["field"] for error in problem["errors"]] == [field]
