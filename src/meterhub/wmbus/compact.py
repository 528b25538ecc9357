"""Compact frames (EN 13757-3): formats learned from full frames, found by their signature."""

from collections.abc import Iterable, Mapping

from meterhub.wmbus.crc import crc16

# Sent by Kamstrup and Engelmann meters; the signature is the CRC of the format itself.
_KNOWN = (
    "02FF2004134413615B6167",
    "02FF20041392013BA1015B8101E7FF0F",
    "04FF234413523B06FF1B426C61675167023B04138101E7FF0F",
    "02FF2004134413426C523B615B616751678101E7FF0F06FF1B",
    "02FF2004134413A1015B8101E7FF0F",
    "02FF2004134413615B5167",
    "02FF2004134413",
    "02FF200413523B",
    "426C441301FD17"
    + "".join(f"{0x84 | storage % 2 << 6:02X}{storage // 2:02X}13" for storage in range(2, 16))
    + "840813046D0413",
    "04FF2304134413426C023B92013BA2013B06FF1BA1015B91015BA10167",
)


class FormatStore:
    """Formats (the DIF and VIF bytes of a full frame, in order) by signature; grows up to `limit`.

    The well-known ones are there from the start. `learned` gives what was added, for keeping it.
    """

    def __init__(self, learned: Mapping[int, bytes] | None = None, limit: int = 4096) -> None:
        self._known = {crc16(layout): layout for layout in map(bytes.fromhex, _KNOWN)}
        self._learned: dict[int, bytes] = dict(learned or {})
        self._limit = limit

    def get(self, signature: int) -> bytes | None:
        """Return the format with this signature, or None."""
        return self._known.get(signature) or self._learned.get(signature)

    def learn(self, signature: int, layout: bytes) -> bool:
        """Keep the format of a full frame; True if it is new. Beyond the limit the oldest goes."""
        if signature in self._known or signature in self._learned:
            return False
        if len(self._learned) >= self._limit:
            del self._learned[next(iter(self._learned))]
        self._learned[signature] = layout
        return True

    def learned(self) -> dict[int, bytes]:
        """Return a copy of what was learned, for `FormatStore(learned)` of a later run."""
        return dict(self._learned)

    def update(self, items: Iterable[tuple[int, bytes]]) -> None:
        """Take over formats that were learned elsewhere; a wrong signature is refused."""
        for signature, layout in items:
            if crc16(layout) == signature:
                self.learn(signature, layout)


SHIPPED = FormatStore()
"""The well-known formats, for who keeps no store; nothing is learned into it."""
