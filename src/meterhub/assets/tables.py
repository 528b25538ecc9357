"""Tables of what stands in the ground and who pays for it; validity in time by ranges that cannot overlap."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Numeric,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, DATERANGE, TSTZRANGE, ExcludeConstraint

from meterhub.kit.db import metadata

customer = Table(
    "customer",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("customer_no", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False, server_default="private"),
    Column("name", Text, nullable=False),
    Column("street", Text, nullable=False),
    Column("postal_code", Text, nullable=False),
    Column("city", Text, nullable=False),
    Column("email", Text),
    Column("language", Text, nullable=False, server_default="fi"),
    # How documents reach the customer; who receives e-invoices has an address with an operator or a network.
    Column("delivery_channel", Text, nullable=False, server_default="paper"),
    Column("einvoice_address", Text),
    Column("einvoice_operator", Text),
    Column("business_id", Text),
    # Where bills go if not to the customer's own address: all of it or none.
    Column("billing_name", Text),
    Column("billing_street", Text),
    Column("billing_postal_code", Text),
    Column("billing_city", Text),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    CheckConstraint("kind IN ('private', 'company', 'housing_company')", name="kind"),
    CheckConstraint("language IN ('fi', 'sv', 'nb', 'en')", name="language"),
    CheckConstraint(
        "delivery_channel IN ('paper', 'email', 'finvoice', 'ehf', 'peppol')", name="delivery_channel"
    ),
    CheckConstraint(
        "num_nulls(billing_street, billing_postal_code, billing_city) IN (0, 3)", name="billing_address"
    ),
)

property_ = Table(
    "property",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("property_code", Text, nullable=False, unique=True),
    Column("street", Text, nullable=False),
    Column("postal_code", Text, nullable=False),
    Column("city", Text, nullable=False),
)

metering_point = Table(
    "metering_point",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("point_code", Text, nullable=False, unique=True),
    Column("property_id", Integer, ForeignKey("property.id"), nullable=False),
    Column("services", ARRAY(Text), nullable=False),
    # The point whose wastewater is less by what a deduct meter here measures.
    Column("deducts_from_id", Integer, ForeignKey("metering_point.id")),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    CheckConstraint("deducts_from_id <> id", name="deducts_from_id"),
    Index("ix_metering_point_property_id", "property_id"),
    Index(
        "ix_metering_point_deducts_from_id",
        "deducts_from_id",
        postgresql_where=text("deducts_from_id IS NOT NULL"),
    ),
)

meter = Table(
    "meter",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("manufacturer", Text, nullable=False),
    Column("serial", Text, nullable=False),
    Column("device_version", SmallInteger),
    Column("device_type", SmallInteger),
    Column("model", Text, nullable=False, server_default=""),
    Column("digits", SmallInteger, nullable=False, server_default=text("5")),
    # Nominal size DN [mm] and permanent flow Q3 [m³/h] (ISO 4064-1).
    Column("size_mm", SmallInteger),
    Column("q3_m3h", Numeric),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    UniqueConstraint("manufacturer", "serial"),
    CheckConstraint("digits BETWEEN 3 AND 9", name="digits"),
)

installation = Table(
    "installation",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("meter_id", Integer, ForeignKey("meter.id"), nullable=False),
    Column("metering_point_id", Integer, ForeignKey("metering_point.id"), nullable=False),
    Column("valid", TSTZRANGE, nullable=False),
    CheckConstraint("NOT isempty(valid)", name="valid"),
    ExcludeConstraint(("meter_id", "="), ("valid", "&&"), name="ex_installation_meter", using="gist"),
    ExcludeConstraint(("metering_point_id", "="), ("valid", "&&"), name="ex_installation_point", using="gist"),
)

# Contracts that are billed together, and how: see `account_schemas.Regime`.
billing_group = Table(
    "billing_group",
    metadata,
    Column("code", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("months", SmallInteger),
    Column("regime", Text, nullable=False, server_default="amr"),
    CheckConstraint("months BETWEEN 1 AND 12", name="months"),
    CheckConstraint("regime IN ('amr', 'estimate', 'akonto', 'stipulated')", name="regime"),
)

contract = Table(
    "contract",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("contract_no", Text, nullable=False, unique=True),
    Column("customer_id", Integer, ForeignKey("customer.id"), nullable=False),
    Column("metering_point_id", Integer, ForeignKey("metering_point.id"), nullable=False),
    Column("valid", DATERANGE, nullable=False),
    Column("billing_group", Text, ForeignKey("billing_group.code"), nullable=False, server_default="quarterly"),
    Column("regime", Text),
    CheckConstraint("NOT isempty(valid)", name="valid"),
    CheckConstraint("regime IN ('amr', 'estimate', 'akonto', 'stipulated')", name="regime"),
    ExcludeConstraint(("metering_point_id", "="), ("valid", "&&"), name="ex_contract_point", using="gist"),
    Index("ix_contract_customer_id", "customer_id"),
)

# Who pays a contract's bills if not its customer alone.
contract_payer = Table(
    "contract_payer",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("contract_id", Integer, ForeignKey("contract.id"), nullable=False),
    Column("customer_id", Integer, ForeignKey("customer.id"), nullable=False),
    Column("weight", Numeric, nullable=False, server_default=text("1")),
    Column("valid", DATERANGE, nullable=False),
    CheckConstraint("weight > 0", name="weight"),
    CheckConstraint("NOT isempty(valid)", name="valid"),
    ExcludeConstraint(
        ("contract_id", "="), ("customer_id", "="), ("valid", "&&"), name="ex_contract_payer_valid", using="gist"
    ),
    Index("ix_contract_payer_customer_id", "customer_id"),
)

# What a contract is expected to use in a year; append-only, of several from one day the last stored counts.
annual_volume = Table(
    "annual_volume",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("contract_id", Integer, ForeignKey("contract.id"), nullable=False),
    Column("valid_from", Date, nullable=False),
    Column("annual_m3", Numeric),
    Column("basis", Numeric),
    Column("factor", Numeric),
    Column("source", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("created_by", Text, nullable=False),
    CheckConstraint("source IN ('initial', 'read', 'reported', 'clerk', 'stipulated')", name="source"),
    CheckConstraint(
        "annual_m3 >= 0 AND basis IS NULL AND factor IS NULL OR annual_m3 IS NULL AND basis >= 0 AND factor >= 0",
        name="volume",
    ),
    Index("ix_annual_volume_contract_id", "contract_id", text("valid_from DESC"), text("id DESC")),
)

# What fees of a property go by, from a day on; of several from one day the last stored counts.
property_site = Table(
    "property_site",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("property_id", Integer, ForeignKey("property.id"), nullable=False),
    Column("valid_from", Date, nullable=False),
    Column("floor_area_m2", Numeric),
    Column("plot_area_m2", Numeric),
    Column("dwellings", Integer),
    Column("building_type", Text),
    Column("marks", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("created_by", Text, nullable=False),
    Index("ix_property_site_property_id", "property_id", "valid_from", "id"),
)

# AES-256-GCM under the master key; a new key is a new row, so that older telegrams stay readable.
meter_key = Table(
    "meter_key",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("meter_id", Integer, ForeignKey("meter.id"), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("created_by", Text, nullable=False),
    Index("ix_meter_key_meter_id", "meter_id", "id"),
)

# How many keys machines opened on a day [UTC] and for what; a process remembers what it has opened.
key_use_day = Table(
    "key_use_day",
    metadata,
    Column("day", Date, primary_key=True),
    Column("purpose", Text, primary_key=True),
    Column("opened", BigInteger, nullable=False),
)

# A row for every statement that changes meters or keys (by triggers), with manufacturer and serial of the meters,
# NULL where they are too many to name; see meterhub.ingest.registry.
registry_change = Table(
    "registry_change",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("meters", ARRAY(Text)),
    Column(
        "xid",
        BigInteger,
        nullable=False,
        server_default=text("((pg_current_xact_id())::text)::bigint"),
        index=True,
    ),
    Column("at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)
