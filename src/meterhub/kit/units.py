"""Volumes: whole millilitres inside, cubic metres as exact decimals outside."""

from decimal import Decimal

ML_PER_M3 = 1_000_000


def volume_ml(volume_m3: Decimal) -> int:
    """Return cubic metres as millilitres; raise ValueError when that is not a whole number."""
    scaled = volume_m3 * ML_PER_M3
    whole = int(scaled)
    if whole != scaled:
        raise ValueError(f"{volume_m3} m3 is finer than a millilitre")
    return whole
