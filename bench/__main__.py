"""Run the benchmarks of this folder: one JSON object a line, also written to `bench/results/`.

Each module has `run() -> Iterator[dict]`; every speed is the median of alternating runs and comes with a
ratio against a peer or a physical limit measured in the same run.
"""

import importlib
import json
import os
import pkgutil
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path

import bench


def main(wanted: list[str]) -> int:
    names = [m.name for m in pkgutil.iter_modules(bench.__path__) if not m.name.startswith("_")]
    unknown = set(wanted) - set(names)
    if unknown:
        print(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(names)}", file=sys.stderr)
        return 2
    machine = {"cpus": os.cpu_count(), "python": platform.python_version(), "machine": platform.machine()}
    results = Path(__file__).parent / "results"
    results.mkdir(exist_ok=True)
    with (results / f"{datetime.now(UTC):%Y%m%dT%H%M%S}.jsonl").open("w") as file:
        for name in wanted or names:
            for result in importlib.import_module(f"bench.{name}").run():
                line = json.dumps({**result, **machine})
                print(line, flush=True)
                file.write(line + "\n")
    return 0


sys.exit(main(sys.argv[1:]))
