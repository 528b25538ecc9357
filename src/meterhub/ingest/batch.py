"""A batch as it arrives: bytes to telegrams, each judged alone. Pure."""

import zlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pydantic_core
from pydantic import TypeAdapter, ValidationError

from meterhub.errors import BadInput, TooLarge
from meterhub.ingest.schemas import Rejected, TelegramIn

# A gateway's clock may be off; a telegram from further ahead says nothing about when it was sent.
MAX_AHEAD = timedelta(days=1)
# A clock that was never set says 1970 or 2000: with the meter's true reads that would span decades of hours.
MAX_BEHIND = timedelta(days=730)

_telegram = TypeAdapter(TelegramIn)


@dataclass(frozen=True, slots=True)
class Heard:
    """A frame that was received, at its place in the batch."""

    index: int
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
    items = _telegrams(body, gateway, max_telegrams)
    heard, rejected = [], []
    for index, item in enumerate(items):
        try:
            one = _telegram.validate_python(item)
        except ValidationError as error:
            rejected.append(Rejected(index=index, code="bad-telegram", message=_first_fault(error)))
            continue
        if one.received_at > now + MAX_AHEAD:
            message = f"received_at {one.received_at.isoformat()} is in the future: check the gateway's clock"
            rejected.append(Rejected(index=index, code="received-in-future", message=message))
            continue
        if one.received_at < now - MAX_BEHIND:
            message = f"received_at {one.received_at.isoformat()} is years ago: check the gateway's clock"
            rejected.append(Rejected(index=index, code="received-long-ago", message=message))
            continue
        rssi = None if one.rssi_dbm is None else round(one.rssi_dbm)
        heard.append(Heard(index, bytes.fromhex(one.frame), one.received_at, rssi, one.link_mode))
    return heard, rejected


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
    if document.get("gateway") != gateway:
        raise BadInput(
            f"the token belongs to the gateway {gateway!r}, the batch names {document.get('gateway')!r}",
            fields={"gateway": "not the token's gateway"},
        )
    telegrams: list[Any] = document["telegrams"]
    if len(telegrams) > max_telegrams:
        raise TooLarge(f"{len(telegrams)} telegrams in one batch: send at most {max_telegrams}")
    return telegrams


def _first_fault(error: ValidationError) -> str:
    fault = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in fault["loc"]) or "telegram"
    return f"{where}: {fault['msg']}"
