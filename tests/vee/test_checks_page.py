from pathlib import Path

from typer.testing import CliRunner

from meterhub.cli import app
from meterhub.commands._checks_page import checks_page
from meterhub.vee.rules import rules

PAGE = Path(__file__).parents[2] / "docs" / "checks.md"


def test_the_page_of_checks_is_up_to_date():
    assert PAGE.read_text() == checks_page(), "make it anew: meterhub checks list --markdown > docs/checks.md"


def test_every_rule_has_its_own_number_and_name_and_says_what_to_do():
    found = rules()
    assert len({rule.number for rule in found}) == len({rule.name for rule in found}) == len(found)
    for rule in found:
        assert rule.action.endswith(".")
        assert rule.about.splitlines()[0].endswith(".")


def test_the_command_lists_all_rules():
    result = CliRunner().invoke(app, ["checks", "list"])
    assert result.exit_code == 0
    assert [rule.name in result.stdout for rule in rules()] == [True] * len(rules())
