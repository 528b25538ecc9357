"""Tables of frames as received and of those that could not be read yet."""

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from meterhub.kit.db import metadata

# Every transmission once, as it was on the air; the proof behind each read, while retention lasts. Kept by
# month (meterhub.store); what points to a frame leaves with it, so there is no foreign key on its id.
raw_frame = Table(
    "raw_frame",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("fingerprint", BigInteger, nullable=False),
    Column("received_at", DateTime(timezone=True), primary_key=True),
    Column("gateway_id", Integer, nullable=False),  # a foreign key would cost a look at the same row for each
    Column("rssi_dbm", SmallInteger),
    Column("link_mode", Text),
    Column("frame", LargeBinary, nullable=False),
    Column("ingested_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Index("ix_raw_frame_fingerprint_received_at", "fingerprint", "received_at"),
    Index("ix_raw_frame_received_at", "received_at", postgresql_using="brin"),
    postgresql_partition_by="RANGE (received_at)",
)

# The same transmission as heard by further gateways; kept by month of this reception.
frame_heard = Table(
    "frame_heard",
    metadata,
    Column("raw_frame_id", BigInteger, primary_key=True, autoincrement=False),
    Column("gateway_id", Integer, ForeignKey("gateway.id"), primary_key=True),
    Column("received_at", DateTime(timezone=True), primary_key=True),
    Column("rssi_dbm", SmallInteger),
    postgresql_partition_by="RANGE (received_at)",
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("raw_frame_id", BigInteger, primary_key=True, autoincrement=False),
    Column("reason", Text, nullable=False),
    Column("detail", Text, nullable=False, server_default=""),
    Column("manufacturer", Text),
    Column("serial", Text),
    Column("entered_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("tried_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("tries", Integer, nullable=False, server_default=text("1")),
    Column("resolved_at", DateTime(timezone=True)),
    # manufacturer and serial of all that the frame may belong to, where there is more than one
    Column("candidates", ARRAY(Text)),
    Index(
        "ix_quarantine_candidates",
        "candidates",
        postgresql_using="gin",
        postgresql_where=text("resolved_at IS NULL AND candidates IS NOT NULL"),
    ),
    Index("ix_quarantine_open", "reason", "raw_frame_id", postgresql_where=text("resolved_at IS NULL")),
    Index(
        "ix_quarantine_meter",
        "manufacturer",
        "serial",
        postgresql_where=text("resolved_at IS NULL"),
    ),
)

# Layouts of full frames, by which compact frames of the same meter model are read (OMS Vol. 2, 6.7).
frame_format = Table(
    "frame_format",
    metadata,
    Column("signature", Integer, primary_key=True, autoincrement=False),
    Column("format", LargeBinary, nullable=False),
    Column("learned_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)

gateway_day = Table(
    "gateway_day",
    metadata,
    Column("gateway_id", Integer, ForeignKey("gateway.id"), primary_key=True),
    Column("day", Date, primary_key=True),
    Column("received", BigInteger, nullable=False),
    Column("accepted", BigInteger, nullable=False),
    Column("duplicates", BigInteger, nullable=False),
    Column("quarantined", BigInteger, nullable=False),
    Column("rejected", BigInteger, nullable=False),
)

# Telegrams that came from a gateway whose clock was wrong: all frames with this gateway and `ingested_at` = `at`
# were stored with the time they were received by the gateway's clock less `ahead_s`.
clock_shift = Table(
    "clock_shift",
    metadata,
    Column("gateway_id", Integer, ForeignKey("gateway.id"), primary_key=True),
    Column("at", DateTime(timezone=True), primary_key=True, server_default=func.now()),
    Column("ahead_s", Double, nullable=False),
    Column("telegrams", Integer, nullable=False),
)

# Days (UTC) before today of which telegrams came in since meterhub.fleet.coverage looked at them.
late_day = Table(
    "late_day",
    metadata,
    Column("day", Date, primary_key=True),
    Column("noted_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)

# Reads that were not heard at their time but taken from a dated register (named as in the readings) of a later
# frame; each only once, also if a person sets it aside.
historic_read = Table(
    "historic_read",
    metadata,
    Column("meter_id", Integer, ForeignKey("meter.id"), primary_key=True),
    Column("at", DateTime(timezone=True), primary_key=True),
    Column("raw_frame_id", BigInteger, nullable=False),
    Column("reading", Text, nullable=False),
)

# The frame of a meter that was looked through for dated registers last, when to look again, and the instants of
# registers that need no second look.
history_look = Table(
    "history_look",
    metadata,
    Column("meter_id", Integer, ForeignKey("meter.id"), primary_key=True),
    Column("raw_frame_id", BigInteger),
    Column("again_at", DateTime(timezone=True), nullable=False),
    Column("examined", ARRAY(DateTime(timezone=True)), nullable=False),
)
