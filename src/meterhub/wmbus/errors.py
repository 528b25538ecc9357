"""What can be wrong with a frame: typed, with a stable code, the layer and the byte offset.

`decode` raises only for damage at the link layer; later layers answer with diagnostics instead.
"""


class FrameError(Exception):
    """A frame that cannot be used; `code`, `layer` and `offset` say what and where."""

    code = "frame-error"

    def __init__(self, message: str, *, layer: str = "dll", offset: int = 0) -> None:
        super().__init__(message)
        self.layer = layer
        self.offset = offset


class Truncated(FrameError):
    """The frame ends before its length field or a layer's header says."""

    code = "truncated"


class BadCRC(FrameError):
    """The frame's length fits a format with checksums, but a checksum does not match."""

    code = "bad-crc"


class Unsupported(FrameError):
    """A feature of the standard that this package does not read."""

    code = "unsupported"


class KeyMissing(FrameError):
    """The telegram is encrypted and no key was given."""

    code = "key-missing"


class DecryptFailed(FrameError):
    """The key does not open the telegram."""

    code = "key-wrong"


class BadRecord(FrameError):
    """A data record that breaks the rules of EN 13757-3."""

    code = "bad-record"
