"""Splitting of lines among payers (R10): cents by largest remainder, quantities by weight."""

import math
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from meterhub.billing.rating.model import Line
from meterhub.billing.rating.traces import SplitTrace
from meterhub.kit.money import cents, divide_half_up, from_cents, thousandths


def split_line(line: Line, weights: Sequence[Decimal]) -> list[Line]:
    """Return a line per weight, nets summing exactly to the whole; a single weight takes it as it is."""
    if len(weights) == 1:
        return [line]
    nets = split_cents(cents(line.net), weights)
    parts = []
    for position, net in enumerate(nets):
        assert line.trace is not None
        trace = SplitTrace(line.quantity, line.net, tuple(weights), position, line.trace)
        quantity = part_of_quantity(line.quantity, weights, position)
        parts.append(replace(line, quantity=quantity, net=from_cents(net), trace=trace))
    return parts


def split_cents(amount: int, weights: Sequence[Decimal]) -> list[int]:
    """Split cents by largest remainder, ties to the earlier weight; a credit splits as its charge does."""
    numbers = _whole_numbers(weights)
    total = sum(numbers)
    size, sign = abs(amount), -1 if amount < 0 else 1
    parts = [size * number // total for number in numbers]
    remainders = [size * number % total for number in numbers]
    by_remainder = sorted(range(len(numbers)), key=lambda position: -remainders[position])
    for position in by_remainder[: size - sum(parts)]:
        parts[position] += 1
    return [sign * part for part in parts]


def part_of_quantity(quantity: Decimal, weights: Sequence[Decimal], position: int) -> Decimal:
    """Return round3(quantity · weight / sum of weights)."""
    numbers = _whole_numbers(weights)
    numerator, denominator = quantity.as_integer_ratio()
    return thousandths(divide_half_up(numerator * numbers[position] * 1000, denominator * sum(numbers)))


def _whole_numbers(weights: Sequence[Decimal]) -> list[int]:
    """Return whole numbers in the same proportion."""
    ratios = [weight.as_integer_ratio() for weight in weights]
    scale = math.lcm(*(denominator for _, denominator in ratios))
    return [numerator * (scale // denominator) for numerator, denominator in ratios]
