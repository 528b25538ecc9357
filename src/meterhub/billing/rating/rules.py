"""The utility's choices with the country's defaults filled in."""

from dataclasses import dataclass

from meterhub.billing.rating.model import Country, FixedMethod, Regime, Rules, VatCut
from meterhub.billing.rating.traces import Apportion


@dataclass(frozen=True, slots=True)
class ResolvedRules:
    """Rules without open choices."""

    fixed_method: FixedMethod
    volume_apportion: Apportion
    vat_cut: VatCut
    reverse_tolerance_ml: int


def resolve(rules: Rules, country: Country, regime: Regime) -> ResolvedRules:
    """Fill in defaults: months for fixed fees in NO and for its annual volumes, else days."""
    norwegian = country is Country.NO
    fixed = FixedMethod.MONTHS if norwegian else FixedMethod.DAYS_OF_YEAR
    by_months = norwegian and regime is not Regime.METERED
    return ResolvedRules(
        fixed_method=rules.fixed_method or fixed,
        volume_apportion=rules.volume_apportion or (Apportion.MONTHS if by_months else Apportion.DAYS),
        vat_cut=rules.vat_cut,
        reverse_tolerance_ml=rules.reverse_tolerance_ml,
    )
