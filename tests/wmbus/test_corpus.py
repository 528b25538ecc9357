"""Telegrams of real meters kept outside the project: an outside check that is skipped where they are absent."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

SHARED = Path(__file__).parents[3] / "shared"
SCORE = SHARED / "tools" / "score_decode.py"


@pytest.mark.skipif(not SCORE.exists(), reason="the corpus of real telegrams is not beside the checkout")
@pytest.mark.parametrize(
    ("corpus", "least"),
    [("water", {"core": 100.0, "fields": 97.0, "values": 97.0}), ("other", {"core": 98.0, "values": 85.0})],
)
def test_real_telegrams_give_their_meter_total_and_named_values(corpus: str, least: dict[str, float]) -> None:
    command = [
        sys.executable,
        SCORE,
        SHARED / "corpus" / f"{corpus}.jsonl",
        "--",
        sys.executable,
        "-m",
        "meterhub.cli",
    ]
    command[-2:] = ["-c", "from meterhub.cli import main; main()"]
    done = subprocess.run([*map(str, command), "decode", "-"], capture_output=True, text=True, check=True)
    last = done.stdout.splitlines()[-1]
    reached = {name: float(share) for name, share in re.findall(r"(\w+) \d+/\d+ = ([\d.]+)%", last)}
    assert all(reached[name] >= share for name, share in least.items()), done.stdout
