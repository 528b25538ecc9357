"""Asking customers for reads, and taking what they report."""

import csv
import hmac
import io
import secrets
from base64 import b32encode
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from hashlib import sha256

from sqlalchemy import Connection, Engine

from meterhub.access import repository as access
from meterhub.access.audit import record
from meterhub.access.principal import Principal
from meterhub.assets.account_schemas import NewAnnualVolume, VolumeSource
from meterhub.assets.accounts import add_annual_volume
from meterhub.billing.self_reading import repository
from meterhub.billing.self_reading.plausibility import Judged, Known, Verdict, annual_estimate, judge
from meterhub.errors import BadInput, Conflict, NotFound, TooManyTries
from meterhub.kit.db import AnyRow
from meterhub.kit.queue import defer
from meterhub.kit.units import ML_PER_M3
from meterhub.readings.repository import NewRead, Source, store_reads
from meterhub.readings.service import ROLL_UP
from meterhub.settings import Settings

CODE_BYTES = 10
GROUP = 4
# Wrong codes from one address, and reports on one code, before somebody has to wait or call.
MAX_WRONG = 20
WRONG_WINDOW = timedelta(hours=1)
MAX_REPORTS = 20
MOST = 1_000_000
# Who reports with a code: nobody who is logged in.
CUSTOMER = Principal(name="customer", permissions=frozenset())


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a report: the judgement, and whether it is a read now."""

    judged: Judged
    taken: bool


def start_campaign(
    connection: Connection,
    settings: Settings,
    principal: Principal,
    *,
    name: str,
    asked_on: date,
    due_on: date,
    group: str | None,
    unread_days: int,
) -> int:
    """Ask every contract whose meter nobody has read for so long; each gets a code of its own."""
    if due_on <= asked_on:
        raise BadInput(f"due_on {due_on} is not after {asked_on}", fields={"due_on": "too early"})
    secret = secrets.token_bytes(32)
    values = {"name": name, "asked": asked_on, "due": due_on, "secret": secret, "by": principal.name}
    campaign_id = repository.add_campaign(connection, values)
    before = _midnight(asked_on - timedelta(days=unread_days), settings)
    ids = repository.add_requests(connection, campaign_id, asked_on, group, before)
    repository.set_codes(connection, ids, [code_hash(code_of(secret, one)) for one in ids])
    record(
        connection,
        principal,
        action="start-self-reading",
        purpose="billing",
        subject=f"self-reading:{campaign_id}",
        detail={"asked": len(ids)},
    )
    return campaign_id


def remind(connection: Connection, principal: Principal, campaign_id: int, on: date) -> int:
    """Note those who have not answered as reminded, each once; return how many. Codes stay the same."""
    find_campaign(connection, campaign_id)
    reminded = repository.remind(connection, campaign_id, on)
    record(
        connection,
        principal,
        action="remind-self-reading",
        purpose="billing",
        subject=f"self-reading:{campaign_id}",
        detail={"reminded": reminded},
    )
    return reminded


def find_campaign(connection: Connection, campaign_id: int) -> AnyRow:
    """Return a campaign; raise NotFound."""
    found = repository.campaigns(connection, before_id=campaign_id + 1, limit=1)
    if not found or found[0].id != campaign_id:
        raise NotFound(f"there is no self-reading campaign {campaign_id}")
    return found[0]


def letters_file(connection: Connection, campaign_id: int, *, open_only: bool) -> str:
    """Return whom to write to, with code, as CSV: for letters, messages and reminders."""
    find_campaign(connection, campaign_id)
    target = io.StringIO()
    writer = csv.writer(target)
    writer.writerow(
        ["customer_no", "name", "street", "postal_code", "city", "email", "language", "contract_no", "premises",
         "code", "path", "due_on"]
    )  # fmt: skip
    for row in repository.requests(connection, campaign_id, open_only=open_only, after_id=None, limit=MOST):
        code = code_of(row.secret, row.id)
        cells = [
            row.customer_no, row.customer_name, row.street, row.postal_code, row.city, row.email or "",
            row.language, row.contract_no, f"{row.premises}, {row.premises_city}", code, f"/read/{code}",
            row.due_on,
        ]  # fmt: skip
        writer.writerow([f"'{cell}" if str(cell).startswith(("=", "+", "-", "@")) else cell for cell in cells])
    return target.getvalue()


def code_of(secret: bytes, request_id: int) -> str:
    """Return the code of a request: 80 bits in groups of letters and digits that are not mixed up."""
    digest = hmac.digest(secret, str(request_id).encode(), "sha256")[:CODE_BYTES]
    letters = b32encode(digest).decode()
    return "-".join(letters[start : start + GROUP] for start in range(0, len(letters), GROUP))


def code_hash(code: str) -> bytes:
    """Return how a code is looked up, however it was typed."""
    plain = "".join(one for one in code.upper() if one.isascii() and one.isalnum())
    return sha256(plain.replace("0", "O").replace("1", "I").encode()).digest()


def open_request(engine: Engine, settings: Settings, code: str, address: str, now: datetime) -> AnyRow:
    """Return the request of a code; raise NotFound, and TooManyTries where one address guesses."""
    mark = hmac.digest(settings.require_master_key(), f"self-reading from {address}".encode(), "sha256").hex()
    with engine.begin() as connection:
        if access.failures_since(connection, mark, now - WRONG_WINDOW) >= MAX_WRONG:
            raise TooManyTries("too many wrong codes from this address: try again in an hour")
        row = repository.by_code(connection, code_hash(code))
        if row is None:
            access.note_failure(connection, mark)
    if row is None:
        raise NotFound("this code is not known")
    return row


def report_by_code(
    connection: Connection,
    settings: Settings,
    code: str,
    volume_ml: int,
    read_on: date,
    now: datetime,
    *,
    confirmed: bool,
) -> Outcome:
    """Judge what a customer reports and take it if it fits or is confirmed; a code answers once."""
    request = repository.by_code(connection, code_hash(code), lock=True)
    if request is None:
        raise NotFound("this code is not known")
    if request.answered_at is not None:
        raise Conflict("a read was reported with this code already")
    if repository.reports_of_request(connection, request.id) >= MAX_REPORTS:
        raise TooManyTries("too many tries with this code: please call us")
    return _report(connection, settings, CUSTOMER, request, volume_ml, read_on, now, confirmed, request.id)


def report_by_clerk(
    connection: Connection,
    settings: Settings,
    principal: Principal,
    contract_no: str,
    volume_ml: int,
    read_on: date,
    now: datetime,
    *,
    confirmed: bool,
) -> Outcome:
    """Take what a customer says on the phone; judged the same way."""
    contract = repository.contract(connection, contract_no)
    if contract is None:
        raise NotFound(f"there is no contract {contract_no!r}")
    return _report(connection, settings, principal, contract, volume_ml, read_on, now, confirmed, None)


def known_of(
    connection: Connection, settings: Settings, point_id: int, contract_id: int, read_on: date
) -> tuple[AnyRow | None, Known | None]:
    """Return the meter of a point on a day, and what is known of it."""
    meter = repository.meter_at(connection, point_id, _midnight(read_on, settings))
    if meter is None:
        return None, None
    annual = repository.annual_m3(connection, contract_id, read_on)
    last_on = meter.last_at.astimezone(settings.tz).date() if meter.last_at else None
    annual_m3 = None if annual is None else Decimal(str(annual))
    return meter, Known(meter.digits, last_on, meter.last_ml, annual_m3)


def _report(
    connection: Connection,
    settings: Settings,
    principal: Principal,
    contract: AnyRow,
    volume_ml: int,
    read_on: date,
    now: datetime,
    confirmed: bool,
    request_id: int | None,
) -> Outcome:
    meter, known = known_of(connection, settings, contract.metering_point_id, contract.contract_id, read_on)
    if meter is None or known is None:
        judged = Judged(Verdict.NO_METER)
    else:
        judged = judge(volume_ml, read_on, now.astimezone(settings.tz).date(), known)
    taken = not judged.is_refused and (confirmed or not judged.needs_confirmation)
    values = {"contract": contract.contract_id, "request": request_id, "on": read_on, "volume": volume_ml}
    values |= {"verdict": judged.verdict.value, "confirmed": confirmed, "taken": taken, "by": principal.name}
    repository.add_report(connection, values)
    if taken:
        assert meter is not None
        assert known is not None
        at = max(_midnight(read_on, settings), meter.last_at or _midnight(read_on, settings))
        store_reads(connection, [NewRead(meter.meter_id, at, volume_ml, source=Source.CUSTOMER)])
        defer(connection, ROLL_UP, once=ROLL_UP)
        repository.answered(connection, contract.contract_id, now)
        annual = annual_estimate(volume_ml, read_on, known)
        if annual is not None:
            asked = NewAnnualVolume(valid_from=read_on, annual_m3=annual, source=VolumeSource.REPORTED)
            add_annual_volume(connection, principal, contract.contract_no, asked)
    record(
        connection,
        principal,
        action="report-read",
        purpose="billing",
        subject=f"contract:{contract.contract_no}",
        detail={"verdict": judged.verdict.value, "taken": taken},
    )
    return Outcome(judged, taken)


def _midnight(day: date, settings: Settings) -> datetime:
    """Return the instant as of which a read of a day counts (R1)."""
    return datetime.combine(day, time(), settings.tz)


def volume_of(text: str) -> int | None:
    """Return millilitres of a register as people write it (1 234,567 or 1234.567); None if it is no number."""
    plain = "".join(text.split()).replace(",", ".")
    whole, _, part = plain.partition(".")
    if not (whole.isascii() and whole.isdigit()) or len(whole) > 12 or len(part) > 6:
        return None
    if part and not (part.isascii() and part.isdigit()):
        return None
    return int(whole) * ML_PER_M3 + int((part + "000000")[:6])
