"""Telegrams for tests: unique, valid in length, heard at known instants."""

from datetime import UTC, datetime, timedelta

from meterhub.gateway.spool import HeardTelegram

START = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)


def a_frame(number: int) -> bytes:
    """A short unencrypted frame whose register value is `number`."""
    body = bytes.fromhex("44AE0C785634120107780413") + number.to_bytes(4, "little")
    return bytes((len(body),)) + body


def number_of(frame: bytes) -> int:
    """The number that `a_frame` put in."""
    return int.from_bytes(frame[-4:], "little")


def a_telegram(number: int) -> HeardTelegram:
    return HeardTelegram(a_frame(number), START + timedelta(milliseconds=number), -60 - number % 30, "C/T")


def some_telegrams(first: int, count: int) -> list[HeardTelegram]:
    return [a_telegram(number) for number in range(first, first + count)]
