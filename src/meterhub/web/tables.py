"""What pages show of the whole town, summed once instead of for each look."""

from sqlalchemy import BigInteger, Column, DateTime, Integer, Table

from meterhub.kit.db import metadata

# Of all meters together in [hour, hour + 1 h): volume, how many have a value and how many of these lie
# between reads at most three hours apart, of how many installed. Rebuilt from hourly_volume at any time.
town_hour = Table(
    "town_hour",
    metadata,
    Column("hour", DateTime(timezone=True), primary_key=True),
    Column("volume_ml", BigInteger, nullable=False),
    Column("meters", Integer, nullable=False),
    Column("heard", Integer, nullable=False),
    Column("installed", Integer, nullable=False),
    Column("summed_at", DateTime(timezone=True), nullable=False),
)
