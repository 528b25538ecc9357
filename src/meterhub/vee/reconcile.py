"""What a new check says, against what is on record; pure. The same check twice changes nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from meterhub.vee.window import Hit


@dataclass(frozen=True, slots=True)
class Known:
    """A finding on record."""

    id: int
    rule: str
    start_s: int
    end_s: int
    state: str
    evidence: Mapping[str, float | int | str]


@dataclass(slots=True)
class Changes:
    """What has to be stored: new hits by rule, findings with newer evidence, those back again, those gone."""

    new: list[tuple[str, Hit]] = field(default_factory=list)
    newer: list[tuple[Known, Hit]] = field(default_factory=list)
    again: list[tuple[Known, Hit]] = field(default_factory=list)
    gone: list[Known] = field(default_factory=list)


def reconcile(
    known: Sequence[Known], hits: Sequence[tuple[str, Hit]], rules: frozenset[str], *, from_s: int, until_s: int
) -> Changes:
    """Compare the hits of `rules` in `[from_s, until_s]` with one meter's findings on record.

    Settled findings stay as they are. One that began before the time that was examined keeps its beginning.
    """
    changes = Changes()
    met: set[int] = set()
    for rule, hit in hits:
        same = next((one for one in known if one.rule == rule and one.id not in met and _same(one, hit)), None)
        if same is None:
            # a second hit on a finding that was met already adds nothing
            if not any(one.rule == rule and one.id in met and _same(one, hit) for one in known):
                changes.new.append((rule, hit))
            continue
        met.add(same.id)
        if same.state == "closed":
            changes.again.append((same, hit))
        elif same.state == "open" and _says_more(same, hit):
            changes.newer.append((same, hit))
    changes.gone += [
        one
        for one in known
        if one.state == "open"
        and one.id not in met
        and one.rule in rules
        and one.end_s >= from_s
        and one.start_s <= until_s
    ]
    return changes


def _same(one: Known, hit: Hit) -> bool:
    return one.start_s == hit.start_s or max(one.start_s, hit.start_s) < min(one.end_s, hit.end_s)


def _says_more(one: Known, hit: Hit) -> bool:
    """Tell whether a hit is other than what is on record, and not only because less was examined."""
    if (hit.start_s, hit.end_s, hit.evidence) == (one.start_s, one.end_s, one.evidence):
        return False
    return hit.start_s <= one.start_s or hit.end_s > one.end_s
