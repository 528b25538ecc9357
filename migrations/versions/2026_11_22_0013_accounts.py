"""How contracts are billed: groups and regimes, payers, annual volumes, deduct meters and what fees go by.

Revision: 0013, after 0012.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

REGIMES = "regime IN ('amr', 'estimate', 'akonto', 'stipulated')"


def created() -> list[sa.Column]:
    return [
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
    ]


def upgrade() -> None:
    op.create_table(
        "billing_group",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("months", sa.SmallInteger(), nullable=True),
        sa.Column("regime", sa.Text(), server_default="amr", nullable=False),
        sa.CheckConstraint("months BETWEEN 1 AND 12", name=op.f("ck_billing_group_months")),
        sa.CheckConstraint(REGIMES, name=op.f("ck_billing_group_regime")),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_billing_group")),
    )
    op.execute(
        "INSERT INTO billing_group (code, name, months) "
        "VALUES ('monthly', 'Every month', 1), ('quarterly', 'Every quarter', 3)"
    )
    op.drop_constraint(op.f("ck_contract_billing_group"), "contract")
    op.create_foreign_key(
        op.f("fk_contract_billing_group"), "contract", "billing_group", ["billing_group"], ["code"]
    )
    op.add_column("contract", sa.Column("regime", sa.Text(), nullable=True))
    op.create_check_constraint(op.f("ck_contract_regime"), "contract", REGIMES)
    op.create_table(
        "contract_payer",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("contract_id", sa.Integer(), nullable=False),
        sa.Column("customer_id", sa.Integer(), nullable=False),
        sa.Column("weight", sa.Numeric(), server_default=sa.text("1"), nullable=False),
        sa.Column("valid", postgresql.DATERANGE(), nullable=False),
        sa.CheckConstraint("weight > 0", name=op.f("ck_contract_payer_weight")),
        sa.CheckConstraint("NOT isempty(valid)", name=op.f("ck_contract_payer_valid")),
        sa.ForeignKeyConstraint(["contract_id"], ["contract.id"], name=op.f("fk_contract_payer_contract_id")),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_contract_payer_customer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contract_payer")),
        postgresql.ExcludeConstraint(
            (sa.column("contract_id"), "="),
            (sa.column("customer_id"), "="),
            (sa.column("valid"), "&&"),
            using="gist",
            name="ex_contract_payer_valid",
        ),
    )
    op.create_index("ix_contract_payer_customer_id", "contract_payer", ["customer_id"])
    op.create_table(
        "annual_volume",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("contract_id", sa.Integer(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("annual_m3", sa.Numeric(), nullable=True),
        sa.Column("basis", sa.Numeric(), nullable=True),
        sa.Column("factor", sa.Numeric(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        *created(),
        sa.CheckConstraint(
            "source IN ('initial', 'read', 'reported', 'clerk', 'stipulated')",
            name=op.f("ck_annual_volume_source"),
        ),
        sa.CheckConstraint(
            "annual_m3 >= 0 AND basis IS NULL AND factor IS NULL "
            "OR annual_m3 IS NULL AND basis >= 0 AND factor >= 0",
            name=op.f("ck_annual_volume_volume"),
        ),
        sa.ForeignKeyConstraint(["contract_id"], ["contract.id"], name=op.f("fk_annual_volume_contract_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_annual_volume")),
    )
    op.create_index(
        "ix_annual_volume_contract_id",
        "annual_volume",
        ["contract_id", sa.text("valid_from DESC"), sa.text("id DESC")],
    )
    op.create_table(
        "property_site",
        sa.Column("id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("property_id", sa.Integer(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("floor_area_m2", sa.Numeric(), nullable=True),
        sa.Column("plot_area_m2", sa.Numeric(), nullable=True),
        sa.Column("dwellings", sa.Integer(), nullable=True),
        sa.Column("building_type", sa.Text(), nullable=True),
        sa.Column("marks", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        *created(),
        sa.ForeignKeyConstraint(["property_id"], ["property.id"], name=op.f("fk_property_site_property_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_property_site")),
    )
    op.create_index("ix_property_site_property_id", "property_site", ["property_id", "valid_from", "id"])
    op.add_column("metering_point", sa.Column("deducts_from_id", sa.Integer(), nullable=True))
    op.create_foreign_key(
        op.f("fk_metering_point_deducts_from_id"), "metering_point", "metering_point", ["deducts_from_id"], ["id"]
    )
    op.create_check_constraint(
        op.f("ck_metering_point_deducts_from_id"), "metering_point", "deducts_from_id <> id"
    )
    op.create_index(
        "ix_metering_point_deducts_from_id",
        "metering_point",
        ["deducts_from_id"],
        postgresql_where=sa.text("deducts_from_id IS NOT NULL"),
    )
    op.add_column("meter", sa.Column("size_mm", sa.SmallInteger(), nullable=True))
    op.add_column("meter", sa.Column("q3_m3h", sa.Numeric(), nullable=True))


def downgrade() -> None:
    op.drop_column("meter", "q3_m3h")
    op.drop_column("meter", "size_mm")
    op.drop_index("ix_metering_point_deducts_from_id", "metering_point")
    op.drop_column("metering_point", "deducts_from_id")
    op.drop_table("property_site")
    op.drop_table("annual_volume")
    op.drop_table("contract_payer")
    op.drop_column("contract", "regime")
    op.drop_constraint(op.f("fk_contract_billing_group"), "contract")
    op.create_check_constraint(
        op.f("ck_contract_billing_group"), "contract", "billing_group IN ('monthly', 'quarterly')"
    )
    op.drop_table("billing_group")
