"""The outbox: each channel, what goes wrong and comes again, and that nothing is sent twice."""

import csv
import hashlib
import io
import zipfile
from datetime import UTC, date, datetime, timedelta
from io import BytesIO

import pytest
import structlog
from lxml import etree
from pypdf import PdfReader

from meterhub.access.principal import SYSTEM
from meterhub.billing.delivery import repository, service
from meterhub.billing.delivery.files import print_batch
from meterhub.billing.delivery.sending import PAUSES, SILENT_FOR, send_waiting
from meterhub.billing.documents.letters import letter_as_json, letter_from_json
from meterhub.billing.documents.model import LetterKind
from meterhub.errors import Conflict, NotFound
from meterhub.settings import Delivery, Settings
from tests.billing.delivery.smtp import mail_server
from tests.billing.documents import builders
from tests.billing.einvoice.validators import cen_failures, schema_errors
from tests.billing.service.town import House, b1_house

NOW = datetime(2035, 5, 2, 9, tzinfo=UTC)
ROUTES = {
    "paper": {},
    "email": {"email": "maija@example.org"},
    "finvoice": {"einvoice_address": "003720840699", "einvoice_operator": "BAWCFI22"},
    "peppol": {"einvoice_address": "0216:003720840699"},
    "ehf": {"einvoice_address": "0192:979399901"},
}


def at(minutes: float = 0):
    return lambda: NOW + timedelta(minutes=minutes)


@pytest.fixture
def issue(town):
    """Issue an invoice to a customer of each channel; return their numbers."""

    def house_of(channel: str, **values: str) -> House:
        house = b1_house(town)
        given = {**ROUTES[channel], **values, "delivery_channel": channel}
        for name, value in given.items():
            town.execute(f"UPDATE customer SET {name} = :v WHERE customer_no = :no", v=value, no=house.customer_no)
        return house

    def run(*channels: str, **values: str) -> list[str]:
        houses = [house_of(channel, **values) for channel in channels]
        town.bill()
        found = [town.invoice(house).number for house in houses]
        with town.engine.begin() as connection:
            ids = [row[0] for row in town.rows("SELECT id FROM invoice WHERE number = ANY(:n)", n=found)]
            service.enqueue(connection, ids)
        return found

    return run


@pytest.fixture
def settings(tmp_path) -> Settings:
    return Settings(master_key="11" * 32, delivery=Delivery(outbox_dir=tmp_path))


def with_mail(settings: Settings, port: int) -> Settings:
    mail = Delivery(
        outbox_dir=settings.delivery.outbox_dir, smtp_host="127.0.0.1", smtp_port=port, smtp_security="none"
    )
    return settings.model_copy(update={"delivery": mail})


def states(town) -> dict[str, str]:
    return dict(town.rows("SELECT number, state FROM delivery ORDER BY id"))


def problem(town) -> str:
    return town.scalar("SELECT problem FROM delivery ORDER BY id DESC LIMIT 1")


def test_paper_becomes_a_print_batch_with_a_control_list(town, issue, settings, tmp_path):
    numbers = issue("paper", "paper")
    sent = send_waiting(town.engine, settings, at())
    assert sent.sent == {"paper": 2}
    (batch,) = (tmp_path / "paper").iterdir()
    with zipfile.ZipFile(batch) as archive:
        rows = list(csv.DictReader(io.StringIO(archive.read("control.csv").decode()), delimiter=";"))
        assert [row["document"] for row in rows] == numbers
        for row in rows:
            content = archive.read(row["file"])
            assert hashlib.sha256(content).hexdigest() == row["sha256"]
            assert len(PdfReader(BytesIO(content)).pages) == 1
    assert set(states(town).values()) == {"sent"}
    assert town.scalar("SELECT DISTINCT sent_as FROM delivery") == batch.name


def test_e_invoices_become_valid_files_for_the_operator(town, issue, settings, tmp_path):
    finvoice, peppol = issue("finvoice", "peppol")
    assert send_waiting(town.engine, settings, at()).sent == {"finvoice": 1, "peppol": 1}
    assert schema_errors((tmp_path / "finvoice" / f"{finvoice}.xml").read_bytes()) == []
    ubl = (tmp_path / "peppol" / f"{peppol}.xml").read_bytes()
    assert (schema_errors(ubl), cen_failures(ubl)) == ([], set())
    assert sorted(path.suffix for path in tmp_path.rglob("*") if path.is_file()) == [".xml", ".xml"]


def test_e_mail_carries_the_pdf_and_little_else(town, issue, settings):
    (number,) = issue("email")
    with mail_server() as box:
        assert send_waiting(town.engine, with_mail(settings, box.port), at()).sent == {"email": 1}
        (message,) = box.messages
    assert message["To"] == "maija@example.org"
    assert message["Subject"] == f"Lasku {number} \N{EN DASH} Example Water Utility"
    assert "235,97" not in message.get_body().get_content()
    (attached,) = message.iter_attachments()
    assert attached.get_filename() == f"{number}.pdf"
    assert attached.get_content().startswith(b"%PDF-")
    assert town.scalar("SELECT sent_as FROM delivery") == message["Message-ID"]


def test_what_was_sent_is_not_sent_again(town, issue, settings):
    issue("email", "paper")
    with mail_server() as box:
        send_waiting(town.engine, with_mail(settings, box.port), at())
        again = send_waiting(town.engine, with_mail(settings, box.port), at(60))
        assert (again.sent, len(box.messages)) == ({}, 1)
    with town.engine.begin() as connection:
        ids = [row[0] for row in town.rows("SELECT id FROM invoice")]
        assert service.enqueue(connection, ids) == 0


def test_a_server_that_is_away_is_tried_again_after_longer_and_longer(town, issue, settings):
    issue("email")
    away = with_mail(settings, 9)
    minutes = 0.0
    for pause in PAUSES:
        length = pause / timedelta(minutes=1)
        assert send_waiting(town.engine, away, at(minutes)).put_off == 1
        assert send_waiting(town.engine, away, at(minutes + length / 2)).put_off == 0
        minutes += length
    assert states(town).popitem()[1] == "waiting"
    assert "it is tried again by itself" in problem(town)
    assert send_waiting(town.engine, away, at(minutes)).failed == 1
    assert states(town).popitem()[1] == "failed"


def test_a_passing_trouble_passes(town, issue, settings):
    issue("email")
    with mail_server() as box:
        box.answers["RCPT"] = "451 later please"
        box.answers["MAIL"] = "451 later please"
        assert send_waiting(town.engine, with_mail(settings, box.port), at()).put_off == 1
        assert "code 451" in problem(town)
        box.answers.clear()
        assert send_waiting(town.engine, with_mail(settings, box.port), at(2)).sent == {"email": 1}
        assert len(box.messages) == 1


@pytest.mark.parametrize("address", [None, "maija", "maija@", "two words@example.org"])
def test_an_address_that_is_none_is_left_to_a_clerk_who_mends_it_and_sends_again(town, issue, settings, address):
    issue("email", email=address)
    with mail_server() as box:
        chosen = with_mail(settings, box.port)
        assert send_waiting(town.engine, chosen, at()).failed == 1
        assert "correct customer.email, then send again" in problem(town)
        town.execute("UPDATE customer SET email = 'maija@example.org'")
        delivery_id = town.scalar("SELECT id FROM delivery")
        with town.engine.begin() as connection:
            assert service.resend(connection, SYSTEM, delivery_id, None) == delivery_id
        assert send_waiting(town.engine, chosen, at(1)).sent == {"email": 1}


def test_an_address_that_the_server_refuses_is_left_to_a_clerk(town, issue, settings):
    issue("email")
    with mail_server() as box:
        box.answers["RCPT"] = "550 no such user maija@example.org"
        assert send_waiting(town.engine, with_mail(settings, box.port), at()).failed == 1
    assert "correct customer.email" in problem(town)


def test_one_bad_address_does_not_keep_others_from_their_mail(town, issue, settings):
    issue("email", "email")
    town.execute("UPDATE customer SET email = 'nobody' WHERE id = (SELECT min(id) FROM customer)")
    with mail_server() as box:
        sent = send_waiting(town.engine, with_mail(settings, box.port), at())
    assert (sent.sent, sent.failed) == ({"email": 1}, 1)


def test_one_document_that_cannot_be_written_does_not_keep_others_back(town, issue, settings):
    issue("email", "email")
    town.execute("ALTER TABLE invoice DISABLE TRIGGER USER")
    for table in ("invoice", "delivery"):
        town.execute(f"UPDATE {table} SET number = E'1\\nBcc: x@example.org' WHERE number = '2025-000001'")
    with mail_server() as box:
        sent = send_waiting(town.engine, with_mail(settings, box.port), at())
    assert (sent.sent, sent.failed) == ({"email": 1}, 1)
    assert "odd characters" in town.scalar("SELECT problem FROM delivery ORDER BY id LIMIT 1")


def test_missing_data_of_an_e_invoice_are_named_before_anything_is_written(town, issue, settings, tmp_path):
    issue("finvoice", einvoice_operator="")
    assert send_waiting(town.engine, settings, at()).failed == 1
    assert "customer.einvoice_operator" in problem(town)
    assert list((tmp_path / "finvoice").iterdir()) == []


def test_a_hub_without_folder_or_mail_server_says_which_setting_is_missing(town, issue):
    issue("paper", "email", "ehf")
    send_waiting(town.engine, Settings(master_key="11" * 32), at())
    problems = dict(town.rows("SELECT channel, problem FROM delivery"))
    assert "METERHUB_DELIVERY__OUTBOX_DIR" in problems["paper"]
    assert "METERHUB_DELIVERY__SMTP_HOST" in problems["email"]
    assert "METERHUB_DELIVERY__OUTBOX_DIR" in problems["ehf"]
    assert set(states(town).values()) == {"waiting"}


def test_an_e_mail_whose_worker_died_is_not_sent_again_by_itself(town, issue, settings):
    issue("email")
    with town.engine.begin() as connection:
        repository.claim(connection, NOW, paper=False, limit=5, batch=None)
    with mail_server() as box:
        chosen = with_mail(settings, box.port)
        send_waiting(town.engine, chosen, at(1))
        assert states(town).popitem()[1] == "sending"
        send_waiting(town.engine, chosen, lambda: NOW + SILENT_FOR * 2)
        assert states(town).popitem()[1] == "uncertain"
        assert box.messages == []
        with town.engine.begin() as connection:
            made = service.resend(connection, SYSTEM, town.scalar("SELECT id FROM delivery"), None)
        send_waiting(town.engine, chosen, lambda: NOW + SILENT_FOR * 3)
        assert len(box.messages) == 1
    assert town.scalar("SELECT resend_of FROM delivery WHERE id = :id", id=made) is not None


def test_a_print_batch_whose_worker_died_is_made_once(town, issue, settings, tmp_path):
    issue("paper", "paper")
    with town.engine.begin() as connection:
        repository.claim(connection, NOW, paper=True, limit=1, batch="first")
    (tmp_path / "paper").mkdir()
    (tmp_path / "paper" / "print-first.zip").write_bytes(b"made before the worker died")
    with town.engine.begin() as connection:
        repository.claim(connection, NOW, paper=True, limit=1, batch="second")
    send_waiting(town.engine, settings, lambda: NOW + SILENT_FOR * 2)
    assert set(states(town).values()) == {"sent"}
    assert len(list((tmp_path / "paper").iterdir())) == 2


def test_a_claimed_delivery_is_taken_by_nobody_else(town, issue):
    issue("email", "email")
    with town.engine.connect() as one, town.engine.connect() as other, one.begin(), other.begin():
        first = repository.claim(one, NOW, paper=False, limit=1, batch=None)
        second = repository.claim(other, NOW, paper=False, limit=5, batch=None)
        assert len(first) == len(second) == 1
        assert {first[0].id}.isdisjoint({second[0].id})


def test_what_has_left_is_sent_again_as_a_delivery_of_its_own_by_another_channel(town, issue, settings, tmp_path):
    (number,) = issue("paper", einvoice_address="0216:003720840699")
    send_waiting(town.engine, settings, at())
    with town.engine.begin() as connection:
        service.resend(connection, SYSTEM, town.scalar("SELECT id FROM delivery"), "peppol")
    send_waiting(town.engine, settings, at(1))
    assert (tmp_path / "peppol" / f"{number}.xml").exists()
    assert town.scalar("SELECT count(*) FROM delivery WHERE state = 'sent'") == 2
    assert town.scalar("SELECT count(*) FROM audit_event WHERE action = 'resend-document'") == 1


def test_what_is_on_its_way_is_not_sent_again(town, issue):
    issue("paper")
    with town.engine.begin() as connection:
        with pytest.raises(Conflict, match="is waiting"):
            service.resend(connection, SYSTEM, town.scalar("SELECT id FROM delivery"), None)
        with pytest.raises(NotFound, match="99"):
            service.resend(connection, SYSTEM, 99, None)


@pytest.mark.parametrize("kind", LetterKind)
def test_a_letter_reads_back_as_it_was_written(kind):
    letter = builders.letter(kind)
    assert letter_from_json(letter_as_json(letter)) == letter


@pytest.mark.parametrize(("channel", "expected"), [("finvoice", "finvoice"), ("email", "email"), ("ehf", "paper")])
def test_letters_go_by_a_channel_that_carries_them(town, issue, settings, channel, expected, tmp_path):
    house = b1_house(town)
    given = {**ROUTES[channel], "delivery_channel": channel}
    for name, value in given.items():
        town.execute(f"UPDATE customer SET {name} = :v", v=value)
    customer_id = town.scalar("SELECT id FROM customer WHERE customer_no = :no", no=house.customer_no)
    with town.engine.begin() as connection:
        service.enqueue_letter(connection, customer_id, builders.letter())
    with mail_server() as box:
        assert send_waiting(town.engine, with_mail(settings, box.port), at()).sent == {expected: 1}
        assert len(box.messages) == (expected == "email")


def test_the_log_holds_no_personal_data(town, issue, settings):
    issue("email", "paper", "finvoice", einvoice_operator="", email="maija@example.org")
    town.execute("UPDATE customer SET email = 'not an address' WHERE delivery_channel = 'email'")
    with mail_server() as box, structlog.testing.capture_logs() as logs:
        send_waiting(town.engine, with_mail(settings, box.port), at())
    assert len(logs) >= 3
    for word in ("Maija", "Mallikatu", "example.org", "not an address", "C0"):
        assert word not in repr(logs)


def test_a_print_batch_is_the_same_bytes_each_time():
    documents = [("2025-000001", "C1", b"%PDF"), ("2025-000002", "C2", b"%PDF2")]
    assert print_batch(documents) == print_batch(documents)


def test_the_day_of_sending_does_not_change_the_document(town, issue, settings, tmp_path):
    (number,) = issue("peppol")
    send_waiting(town.engine, settings, at())
    root = etree.fromstring((tmp_path / "peppol" / f"{number}.xml").read_bytes())
    assert date.fromisoformat(root.findtext("{*}IssueDate")) == date(2025, 4, 10)
