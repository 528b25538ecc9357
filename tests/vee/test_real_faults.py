"""Real reads with one kind of fault each added: what the rules find, and what they say without reason."""

import csv
import gzip
from collections import defaultdict
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from meterhub.readings.hourly import RegisterRead, hourly_volumes
from meterhub.vee.prepare import prepare
from meterhub.vee.rules import rules
from meterhub.vee.window import Day, Hour, Installed, Read
from tests.conftest import SHARED

DATA = SHARED / "data" / "household"
MADRID = ZoneInfo("Europe/Madrid")
RULE_OF = {
    "spike": "spike", "dip": "dip", "rollover": "rollover", "swap": "swap", "unit": "unit", "backflow": "backflow",
    "duplicate_exact": "duplicate", "duplicate_conflict": "conflicting-duplicate", "stopped": "stopped",
}  # fmt: skip
DAY_S = 86_400
HOUR_S = 3600


def local_s(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=MADRID).timestamp())


def days_of(hours):
    days = {}
    for hour in hours:
        on = datetime.fromtimestamp(hour.at_s, MADRID).date()
        start, volume, count = days.get(on, (hour.at_s, 0, 0))
        days[on] = (min(start, hour.at_s), volume + hour.volume_ml, count + 1)
    return [Day(on, *values) for on, values in sorted(days.items())]


def window_of(rows, digits=5):
    ordered = sorted(rows, key=lambda read: read.at_s)
    reads = [RegisterRead(datetime.fromtimestamp(r.at_s, UTC), r.volume_ml) for r in ordered]
    volumes = hourly_volumes(reads, digits=digits)
    hours = [Hour(int(v.hour.timestamp()), v.volume_ml, int(v.quality)) for v in volumes]
    return prepare(
        ordered,
        from_s=0,
        until_s=ordered[-1].at_s,
        digits=digits,
        hours=hours,
        days=days_of(hours),
        installed=[Installed(0, None)],
    )


@pytest.fixture(scope="module")
def found():
    if not (DATA / "vee_reads.csv.gz").exists():
        pytest.skip("the sample of real reads is not here")
    rows = defaultdict(list)
    with gzip.open(DATA / "vee_reads.csv.gz", "rt") as file:
        for number, row in enumerate(csv.DictReader(file)):
            rows[row["meter_id"]].append(
                Read(local_s(row["read_at_local"]), int(row["register_l"]) * 1000, id=number)
            )
    hits = []
    months = 0.0
    for meter, reads in rows.items():
        window = window_of(reads)
        months += (window.reads[-1].at_s - window.reads[0].at_s) / DAY_S / 30.44
        hits += [(meter, rule.name, hit) for rule in rules() for hit in rule.hits(window)]
    with (DATA / "vee_labels.csv").open() as file:
        labels = [
            (row["meter_id"], row["kind"], local_s(row["start"]), local_s(row["end"]))
            for row in csv.DictReader(file)
        ]
    return hits, labels, months


@pytest.mark.parametrize("kind", RULE_OF)
def test_the_rule_finds_the_fault_that_it_is_for(found, kind):
    hits, labels, _ = found
    wanted = [label for label in labels if label[1] == kind]
    seen = [
        label
        for label in wanted
        if any(
            meter == label[0]
            and rule == RULE_OF[kind]
            and hit.start_s <= label[3]
            and hit.end_s >= label[2] - 6 * HOUR_S
            for meter, rule, hit in hits
        )
    ]
    assert len(seen) >= 0.95 * len(wanted), f"{len(seen)} of {len(wanted)}"


def test_the_rules_are_seldom_wrong_about_real_reads(found):
    hits, labels, months = found
    false = [
        (meter, rule, hit)
        for meter, rule, hit in hits
        if rule != "gap"  # gaps of a day and more are in the real reads
        and not any(
            label[0] == meter and hit.start_s <= label[3] + 2 * DAY_S and hit.end_s >= label[2] - 2 * DAY_S
            for label in labels
        )
    ]
    assert len(false) / months <= 1, f"{len(false)} in {months:.0f} meter-months"
