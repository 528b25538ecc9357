"""What the gateway expects of a radio dongle: a codec without I/O, described by a `DongleModel`.

A codec turns the bytes of a dongle into events (`feed`) and knows the conversation that configures it
(`set_up`): a generator that yields requests and is sent the response to each. Reading, writing, time-outs
and repeats belong to the agent, so every codec is tested with bytes alone.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

MIN_FRAME_LENGTH = 9
"""Smallest L field of a frame: C, M and A field (EN 13757-4) [bytes]."""


class LinkMode(StrEnum):
    """What a dongle listens to, or the mode a frame came in (EN 13757-4)."""

    S1 = "S1"
    T1 = "T1"
    C1 = "C1"
    CT = "C/T"
    """T1 and C1 together; a dongle in this mode need not tell which of the two a frame used."""


@dataclass(frozen=True, slots=True)
class ReceivedFrame:
    """A frame from the air, L field first; without link-layer CRCs unless the dongle hands them on."""

    frame: bytes
    rssi_dbm: float | None = None
    """Signal strength by the vendor's formula [dBm]."""
    rssi_raw: int | None = None
    """Signal strength as the dongle states it, in its own unit."""
    link_mode: LinkMode | None = None
    ticks: int | None = None
    """Receive time by the dongle's own counter, where it sends one."""


@dataclass(frozen=True, slots=True)
class Response:
    """The dongle's reply to a request; `answer` is what `Request.answer` waits for."""

    answer: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Garbage:
    """Bytes that belong to no valid message, with the reason they were skipped."""

    data: bytes
    reason: str


Event = ReceivedFrame | Response | Garbage


@dataclass(frozen=True, slots=True)
class Request:
    """Bytes to write to the dongle and the name of the response to wait for."""

    name: str
    data: bytes
    answer: str | None
    """None: the dongle does not answer this one; the conversation goes on with an empty response."""


@dataclass(frozen=True, slots=True)
class DongleInfo:
    """Which dongle answered and what it was seen to be configured to; empty where it does not tell."""

    model: str
    serial: str
    firmware: str
    link_mode: str
    """A `LinkMode` after a set-up; before one, whatever the dongle was in."""


class SetUpError(Exception):
    """The dongle answers but cannot do what is asked; the message says what to change."""


Conversation = Generator[Request, Response, DongleInfo]
"""Yields requests, is sent the response to each, returns what was found; raises `SetUpError`."""


class Codec(Protocol):
    """The protocol of one kind of dongle, for one connection; a new connection takes a new codec."""

    def feed(self, data: bytes) -> list[Event]:
        """Take in bytes from the dongle, in chunks of any size; return what became complete. Never raises."""
        ...

    def quiet(self) -> list[Event]:
        """Tell that the line fell silent: what is incomplete is noise and must not swallow what follows."""
        ...

    def identify(self) -> Conversation:
        """Ask the dongle who it is and how it is set, and change nothing."""
        ...

    def set_up(self, mode: LinkMode) -> Conversation:
        """Identify the dongle, set its link mode and read it back."""
        ...

    def reset(self) -> Request | None:
        """Return the request that restarts a dongle which fell silent, if it has one."""
        ...


@dataclass(frozen=True, slots=True)
class DongleModel:
    """A kind of dongle, as `meterhub.gateway.dongles` finds it in its file under the name `DONGLE`."""

    name: str
    title: str
    baudrate: int
    link_modes: frozenset[LinkMode]
    new_codec: Callable[[], Codec]
    probe_order: int | None
    """Place in the search for an unknown dongle; None: never searched for, since it answers nothing."""
    usb_ids: frozenset[tuple[int, int]] = frozenset()
    """Vendor and product it is known to plug in as: a hint what to try first, since adapters are common."""
