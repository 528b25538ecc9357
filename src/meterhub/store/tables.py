"""What the store notes about its parts."""

from sqlalchemy import BigInteger, Column, DateTime, Table, Text

from meterhub.kit.db import metadata

# Months of hours that were written anew because they are final, and how large they were then.
store_sealed = Table(
    "store_sealed",
    metadata,
    Column("part", Text, primary_key=True),
    Column("sealed_at", DateTime(timezone=True), nullable=False),
    Column("bytes", BigInteger, nullable=False),
)
