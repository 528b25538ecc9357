import doctest
import re
from pathlib import Path

import meterhub.wmbus

PAGE = Path(__file__).parents[2] / "docs" / "wmbus-library.md"


def test_every_example_on_the_page_runs() -> None:
    done = doctest.testfile(str(PAGE), module_relative=False, encoding="utf-8")
    assert done.failed == 0
    assert done.attempted > 40


def test_every_public_name_is_on_the_page_or_an_error() -> None:
    page = PAGE.read_text()
    errors = {name for name in meterhub.wmbus.__all__ if hasattr(getattr(meterhub.wmbus, name), "code")}
    missing = {name for name in meterhub.wmbus.__all__ if not re.search(rf"\b{name}\b", page)}
    assert missing - errors <= {"Diagnostic", "KeyLookup", "LinkFrame", "Record", "SecurityResult", "TelegramKind"}
