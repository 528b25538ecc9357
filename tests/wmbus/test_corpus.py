"""Telegrams of real meters kept outside the project: an outside check that is skipped where they are absent."""

import subprocess
import sys
from pathlib import Path

import pytest

SHARED = Path(__file__).parents[3] / "shared"
SCORE = SHARED / "tools" / "score_decode.py"


@pytest.mark.skipif(not SCORE.exists(), reason="the corpus of real telegrams is not beside the checkout")
@pytest.mark.parametrize(("corpus", "share"), [("water", 70.0), ("other", 98.0)])
def test_real_telegrams_give_their_meter_and_total(corpus: str, share: float) -> None:
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
    assert float(last.split("= ")[1].split("%")[0]) >= share, done.stdout
