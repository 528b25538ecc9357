"""Feed a target with what libFuzzer thinks of; needs `atheris`, which the tests do not.

python -m tests.fuzz.fuzz_decode TARGET [libFuzzer options] [folders of inputs]
"""

import sys

import atheris

with atheris.instrument_imports(include=["meterhub"]):
    from tests.fuzz.targets import TARGETS


def main(arguments: list[str]) -> None:
    """Run the target named first."""
    target = TARGETS[arguments[1]]
    atheris.Setup([arguments[0], *arguments[2:]], target)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv)
