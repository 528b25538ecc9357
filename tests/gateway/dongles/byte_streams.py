"""Ways of cutting a byte stream, for every codec."""

from collections.abc import Callable

from meterhub.gateway.dongle import Codec, Conversation, DongleInfo, Event, ReceivedFrame, Request, Response


def heard(events: list[Event]) -> list[bytes]:
    return [event.frame for event in events if isinstance(event, ReceivedFrame)]


def feed_in_every_way(new_codec: Callable[[], Codec], stream: bytes) -> list[Event]:
    """Feed a stream whole, byte by byte and in chunks of seven; the events must be the same."""
    ways = []
    for size in (len(stream) or 1, 1, 7):
        codec = new_codec()
        events = [event for at in range(0, len(stream), size) for event in codec.feed(stream[at : at + size])]
        ways.append(events)
    assert heard(ways[0]) == heard(ways[1]) == heard(ways[2])
    assert [e for e in ways[0] if isinstance(e, Response)] == [e for e in ways[1] if isinstance(e, Response)]
    return ways[0]


def converse(conversation: Conversation, *payloads: str) -> tuple[list[Request], DongleInfo | None]:
    """Answer a conversation from a list; return its requests, and its result if it came to one."""
    requests = [next(conversation)]
    for payload in payloads:
        try:
            requests.append(conversation.send(Response(requests[-1].answer or "", bytes.fromhex(payload))))
        except StopIteration as stop:
            return requests, stop.value
    return requests, None
