"""A batch as it arrives: bytes to telegrams, each judged alone. Pure."""

import zlib
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pydantic_core
from pydantic import TypeAdapter, ValidationError

from meterhub.errors import BadInput, TooLarge
from meterhub.ingest.schemas import QuickBatch, Rejected, TelegramIn

# A gateway's clock may be off; a telegram from further ahead says nothing about when it was sent.
MAX_AHEAD = timedelta(days=1)
# A clock that was never set says 1970 or 2000: with the meter's true reads that would span decades of hours.
MAX_BEHIND = timedelta(days=730)

_telegram = TypeAdapter(TelegramIn)


class Heard(NamedTuple):
    """A frame that was received, at its place in the batch."""

    place: int
    raw: bytes
    received_at: datetime
    rssi_dbm: int | None
    link_mode: str | None


def inflate(body: bytes, encoding: str, limit: int) -> bytes:
    """Return the body of a request in plain; never more than `limit` bytes."""
    if encoding in {"", "identity"}:
        return body
    if encoding != "gzip":
        raise BadInput(f"the content encoding {encoding!r} is not known: send plain JSON or gzip")
    stream = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)  # 16: with a gzip header
    try:
        plain = stream.decompress(body, limit + 1)
    except zlib.error as error:
        raise BadInput(f"the body is not valid gzip: {error}") from None
    if len(plain) > limit:
        raise TooLarge(f"the batch is over {limit // 2**20} MB unpacked: send fewer telegrams at once")
    if not stream.eof:
        raise BadInput("the gzip body ends too early")
    return plain


def parse(body: bytes, *, gateway: str, max_telegrams: int, now: datetime) -> tuple[list[Heard], list[Rejected]]:
    """Return the telegrams of a batch, and those that cannot be kept with the reason for each."""
    try:
        batch = QuickBatch.model_validate_json(body)
    except ValidationError:
        return _parse_each(body, gateway, max_telegrams, now)
    _check_sender(batch.gateway, gateway)
    _check_size(len(batch.telegrams), max_telegrams)
    earliest, latest = now - MAX_BEHIND, now + MAX_AHEAD
    heard, rejected = [], []
    for index, one in enumerate(batch.telegrams):
        if earliest <= one.received_at <= latest:
            rssi = None if one.rssi_dbm is None else round(one.rssi_dbm)
            at = one.received_at.astimezone(UTC)  # with one time zone for all, sorting is quick
            heard.append(Heard(index, one.frame, at, rssi, one.link_mode))
        else:
            rejected.append(_out_of_time(index, one.received_at, now))
    return heard, rejected


def _out_of_time(index: int, at: datetime, now: datetime) -> Rejected:
    if at > now:
        message = f"received_at {at.isoformat()} is in the future: check the gateway's clock"
        return Rejected(index=index, code="received-in-future", message=message)
    message = f"received_at {at.isoformat()} is years ago: check the gateway's clock"
    return Rejected(index=index, code="received-long-ago", message=message)


def _parse_each(
    body: bytes, gateway: str, max_telegrams: int, now: datetime
) -> tuple[list[Heard], list[Rejected]]:
    """Judge each telegram alone: something in the batch is not as it should be."""
    heard, rejected = [], []
    for index, item in enumerate(_telegrams(body, gateway, max_telegrams)):
        try:
            one = _telegram.validate_python(item)
        except ValidationError as error:
            rejected.append(Rejected(index=index, code="bad-telegram", message=_first_fault(error)))
            continue
        if now - MAX_BEHIND <= one.received_at <= now + MAX_AHEAD:
            rssi = None if one.rssi_dbm is None else round(one.rssi_dbm)
            at = one.received_at.astimezone(UTC)
            heard.append(Heard(index, bytes.fromhex(one.frame), at, rssi, one.link_mode))
        else:
            rejected.append(_out_of_time(index, one.received_at, now))
    return heard, rejected


def _check_sender(named: object, gateway: str) -> None:
    if named != gateway:
        raise BadInput(
            f"the token belongs to the gateway {gateway!r}, the batch names {named!r}",
            fields={"gateway": "not the token's gateway"},
        )


def _check_size(telegrams: int, most: int) -> None:
    if telegrams > most:
        raise TooLarge(f"{telegrams} telegrams in one batch: send at most {most}")


def _telegrams(body: bytes, gateway: str, max_telegrams: int) -> list[Any]:  # Any: JSON not yet checked
    try:
        document = pydantic_core.from_json(body)
    except ValueError as error:
        raise BadInput(f"the body is not JSON: {error}") from None
    if not isinstance(document, dict) or not isinstance(document.get("telegrams"), list):
        raise BadInput('the body is not {"gateway": ..., "telegrams": [...]}', fields={"telegrams": "not a list"})
    unknown = set(document) - {"gateway", "telegrams"}
    if unknown:
        name = min(unknown)
        raise BadInput(f"unknown field {name!r}", fields={name: "unknown"})
    _check_sender(document.get("gateway"), gateway)
    telegrams: list[Any] = document["telegrams"]
    _check_size(len(telegrams), max_telegrams)
    return telegrams


def _first_fault(error: ValidationError) -> str:
    fault = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in fault["loc"]) or "telegram"
    return f"{where}: {fault['msg']}"
