import logging
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from meterhub.access import passwords, repository, service
from meterhub.access.passwords import hash_password, matches
from meterhub.access.principal import SYSTEM
from meterhub.access.tokens import new_token, token_hash
from meterhub.errors import BadInput, Conflict, NotAuthenticated, NotFound, TooManyTries
from meterhub.kit.clock import utc_now

PASSWORD = "correct horse battery staple"


def open_account(engine, username="maija", roles=("billing",)):
    with engine.begin() as connection:
        service.create_user(
            connection, SYSTEM, username=username, display_name="Maija", roles=roles, password=PASSWORD
        )


def log_in(engine, username="maija", password=PASSWORD, now=None):
    return service.log_in(engine, username, password, now=now or utc_now(), session_hours=12, secret=b"s")


def holder(engine, token):
    with engine.connect() as connection:
        return service.authenticate(connection, token)


def change(engine, username="maija", **values):
    with engine.begin() as connection:
        service.change_user(connection, SYSTEM, username, **values)


def everything_stored(engine):
    with engine.connect() as connection:
        tables = ("app_user", "access_token", "login_attempt", "audit_event", "gateway")
        return str([connection.execute(text(f"SELECT * FROM {table}")).all() for table in tables])


def fail(engine, username="maija", times=service.MAX_FAILURES):
    """Failed logins: one in full, hashing takes long, and the rest as they are remembered."""
    with pytest.raises(NotAuthenticated):
        log_in(engine, username, "wrong")
    with engine.begin() as connection:
        for _ in range(times - 1):
            repository.note_failure(connection, service.attempt_mark(b"s", username))


def test_who_logs_in_gets_a_session_with_the_permissions_of_the_roles(engine):
    open_account(engine, roles=["operations", "billing", "billing"])
    principal = holder(engine, log_in(engine))
    assert principal.name == "maija"
    assert principal.roles == ("billing", "operations")
    assert principal.may("invoices:read")
    assert principal.may("alerts:write")
    assert not principal.may("users:write")


@pytest.mark.parametrize(
    ("username", "password"),
    [
        ("maija", PASSWORD + "!"),
        ("nobody", PASSWORD),
        ("maija", ""),
        ("maija\x00", PASSWORD),
    ],
)
def test_a_wrong_name_and_a_wrong_password_get_the_same_answer(engine, username, password):
    open_account(engine)
    with pytest.raises(NotAuthenticated) as error:
        log_in(engine, username, password)
    assert error.value.detail == "user name and password do not match an active account"


def test_a_closed_account_cannot_log_in(engine):
    open_account(engine)
    change(engine, active=False)
    with pytest.raises(NotAuthenticated):
        log_in(engine)


def test_after_ten_failures_even_the_right_password_waits_a_quarter_of_an_hour(engine):
    open_account(engine)
    open_account(engine, "matti")
    fail(engine)
    with pytest.raises(TooManyTries, match="fifteen minutes"):
        log_in(engine)
    assert log_in(engine, "matti")
    assert log_in(engine, now=utc_now() + service.FAILURE_WINDOW + timedelta(seconds=5))


def test_a_login_forgets_the_failures_before_it(engine):
    open_account(engine)
    for _ in range(2):
        fail(engine, times=service.MAX_FAILURES - 1)
        assert log_in(engine)


def test_guesses_at_a_name_that_does_not_exist_are_slowed_down_alike(engine):
    fail(engine, "nobody")
    with pytest.raises(TooManyTries):
        log_in(engine, "nobody")


def test_guesses_at_the_same_moment_are_counted_before_they_are_answered(engine, monkeypatch):
    open_account(engine)
    fail(engine, times=service.MAX_FAILURES - 1)
    meanwhile = []

    def hash_slowly(*_):
        with pytest.raises(TooManyTries):
            log_in(engine)
        meanwhile.append("refused")
        return False

    monkeypatch.setattr(service, "matches", hash_slowly)
    with pytest.raises(NotAuthenticated):
        log_in(engine, password="wrong")
    assert meanwhile == ["refused"]


def test_no_connection_waits_while_a_password_is_hashed(engine, monkeypatch):
    """Whoever is not logged in must not take the database from others."""
    in_use = []
    monkeypatch.setattr(service, "matches", lambda *_: in_use.append(engine.pool.checkedout()))
    with pytest.raises(NotAuthenticated):
        log_in(engine)
    assert in_use == [0]


def test_however_many_log_in_two_passwords_are_hashed_at_once(monkeypatch):
    """Each takes 64 MB of memory."""
    busy, most = [], []

    class Slow:
        def verify(self, *_):
            busy.append(1)
            most.append(len(busy))
            time.sleep(0.05)
            busy.pop()
            return True

    monkeypatch.setattr(passwords, "_hasher", Slow())
    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(matches, ["guess"] * 8, ["hash"] * 8))
    assert max(most) == 2


def test_a_password_that_is_changed_while_it_is_checked_opens_nothing(engine, monkeypatch):
    open_account(engine)

    def changed_meanwhile(*_):
        change(engine, password="another " + PASSWORD)
        return True

    monkeypatch.setattr(service, "matches", changed_meanwhile)
    with pytest.raises(NotAuthenticated):
        log_in(engine)


def test_a_session_ends_when_its_time_is_over(engine):
    open_account(engine)
    token = log_in(engine, now=utc_now() - timedelta(hours=12, seconds=1))
    with pytest.raises(NotAuthenticated):
        holder(engine, token)


@pytest.mark.parametrize(
    "values", [{"roles": ["billing"]}, {"password": PASSWORD + "!"}, {"active": False}, {"active": True}]
)
def test_every_change_of_an_account_ends_its_sessions_and_no_others(engine, values):
    open_account(engine)
    open_account(engine, "matti")
    sessions = [log_in(engine), log_in(engine)]
    other = log_in(engine, "matti")
    change(engine, **values)
    for token in sessions:
        with pytest.raises(NotAuthenticated):
            holder(engine, token)
    assert holder(engine, other).name == "matti"


def test_logging_out_ends_one_session(engine):
    open_account(engine)
    here, there = log_in(engine), log_in(engine)
    with engine.begin() as connection:
        service.log_out(connection, service.authenticate(connection, here))
    with pytest.raises(NotAuthenticated):
        holder(engine, here)
    assert holder(engine, there).name == "maija"


def test_a_gateway_gets_a_token_for_telegrams_that_is_renewed_and_revoked(engine):
    with engine.begin() as connection:
        first = service.enrol_gateway(connection, SYSTEM, "tower", "Water tower")
    principal = holder(engine, first)
    assert principal.name == "gateway:tower"
    assert principal.permissions == {"telegrams:write"}
    with engine.begin() as connection:
        second = service.renew_gateway_token(connection, SYSTEM, "tower")
    with pytest.raises(NotAuthenticated):
        holder(engine, first)
    assert holder(engine, second).gateway_id == principal.gateway_id
    with engine.begin() as connection:
        service.revoke_gateway(connection, SYSTEM, "tower")
    with pytest.raises(NotAuthenticated):
        holder(engine, second)


def test_more_scopes_in_the_database_do_not_widen_a_gateways_token(engine):
    with engine.begin() as connection:
        token = service.enrol_gateway(connection, SYSTEM, "tower")
        connection.execute(text("UPDATE access_token SET scopes = '{telegrams:write,users:write}'"))
    assert holder(engine, token).permissions == {"telegrams:write"}


def test_only_hashes_of_passwords_and_tokens_are_stored(engine):
    open_account(engine)
    session = log_in(engine)
    with engine.begin() as connection:
        gateway = service.enrol_gateway(connection, SYSTEM, "tower")
    stored = everything_stored(engine)
    assert "$argon2id$" in stored
    for secret in (PASSWORD, session, gateway):
        assert secret not in stored


def test_tokens_are_long_never_the_same_and_tell_their_kind():
    tokens = {new_token("session") for _ in range(100)}
    assert len(tokens) == 100
    assert all(token.startswith("mh_session_") and len(token) > 40 for token in tokens)
    assert len(token_hash(tokens.pop())) == 32


def test_a_password_fits_its_own_hash_only():
    stored = hash_password(PASSWORD)
    assert matches(PASSWORD, stored)
    assert not matches(PASSWORD + "!", stored)
    assert not matches(PASSWORD, None)
    assert not matches(PASSWORD, "not a hash")
    assert hash_password(PASSWORD) != stored


def test_passwords_appear_in_no_error_and_no_log(engine, caplog):
    caplog.set_level(logging.DEBUG)
    open_account(engine)
    short = "short-pw-99"
    told = []
    for attempt in (
        lambda: log_in(engine, password=short),
        lambda: change(engine, password=short),
        lambda: open_account(engine),
        lambda: change(engine, "nobody", password=PASSWORD),
    ):
        with pytest.raises((NotAuthenticated, BadInput, Conflict, NotFound)) as error:
            attempt()
        told.append(repr(error.value) + str(error.value.fields))
    log_in(engine)
    everything = caplog.text + str(told) + everything_stored(engine)
    assert short not in everything
    assert PASSWORD not in everything


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"username": ""}, "username"),
        ({"username": "gateway:tower"}, "username"),
        ({"username": "a\nb"}, "username"),
        ({"roles": ["king"]}, "roles"),
        ({"roles": []}, "roles"),
        ({"password": "elevenchars"}, "password"),
    ],
)
def test_an_account_that_cannot_be_is_refused_by_field(engine, values, field):
    whole = {"username": "maija", "display_name": "M", "roles": ["admin"], "password": PASSWORD} | values
    with engine.begin() as connection, pytest.raises(BadInput) as error:
        service.create_user(connection, SYSTEM, **whole)
    assert list(error.value.fields) == [field]


def test_a_name_that_is_taken_is_a_conflict_and_the_transaction_goes_on(engine):
    open_account(engine)
    with engine.begin() as connection:
        service.enrol_gateway(connection, SYSTEM, "tower")
        with pytest.raises(Conflict, match="'maija'"):
            service.create_user(
                connection, SYSTEM, username="maija", display_name="", roles=["admin"], password=PASSWORD
            )
        with pytest.raises(Conflict, match="renew its token"):
            service.enrol_gateway(connection, SYSTEM, "tower")
        assert repository.find_gateway(connection, "tower")
    with engine.connect() as connection:
        assert repository.find_user(connection, "maija").roles == ["billing"]


def test_what_does_not_exist_is_named(engine):
    with engine.begin() as connection:
        for call in (service.renew_gateway_token, service.revoke_gateway):
            with pytest.raises(NotFound, match="'attic'"):
                call(connection, SYSTEM, "attic")
        with pytest.raises(NotFound, match="'nobody'"):
            service.change_user(connection, SYSTEM, "nobody", active=False)
        with pytest.raises(BadInput, match="nothing to change"):
            service.change_user(connection, SYSTEM, "nobody")


@pytest.mark.parametrize(
    "statement", ["UPDATE audit_event SET actor = 'somebody else'", "DELETE FROM audit_event"]
)
def test_the_audit_log_is_only_ever_added_to(engine, statement):
    open_account(engine)
    with engine.connect() as connection, pytest.raises(DBAPIError, match="never changed"):
        connection.execute(text(statement))


def test_logins_failures_and_changes_are_on_record(engine):
    open_account(engine)
    log_in(engine)
    with pytest.raises(NotAuthenticated):
        log_in(engine, password="wrong")
    change(engine, roles=["admin"], active=True)
    with engine.connect() as connection:
        events = connection.execute(
            text("SELECT actor, action, subject, detail FROM audit_event ORDER BY id")
        ).all()
    assert list(map(tuple, events)) == [
        ("system", "create-user", "user:maija", {"roles": ["billing"]}),
        ("maija", "login", "", {}),
        ("unknown", "login-failed", "", {}),
        ("system", "change-user", "user:maija", {"fields": ["active", "roles"]}),
    ]
