import time

import pytest

from meterhub.kit.secret_command import secret_of


def test_a_command_is_run_once_without_a_shell(tmp_path):
    ran = tmp_path / "ran"
    program = tmp_path / "kms"
    program.write_text(f"#!/bin/sh\necho run >> '{ran}'\necho \"  $1  \"\n")
    program.chmod(0o755)
    assert [secret_of(f"{program} '$HOME;x'", 10) for _ in range(3)] == ["$HOME;x"] * 3
    assert ran.read_text() == "run\n"


def test_a_command_that_failed_is_run_again(tmp_path):
    program = tmp_path / "kms"
    program.write_text(f"#!/bin/sh\n[ -e '{tmp_path}/up' ] && echo secret\n")
    program.chmod(0o755)
    with pytest.raises(ValueError, match="ended with 1: run it by hand"):
        secret_of(str(program), 10)
    (tmp_path / "up").touch()
    assert secret_of(str(program), 10) == "secret"


def test_a_command_that_hangs_is_ended_with_what_it_started(tmp_path):
    alive = tmp_path / "alive"
    program = tmp_path / "kms"
    program.write_text(f"#!/bin/sh\n(sleep 2; touch '{alive}') & sleep 60\n")
    program.chmod(0o755)
    begun = time.monotonic()
    with pytest.raises(ValueError, match=r"did not end within 0\.2 s"):
        secret_of(str(program), 0.2)
    assert time.monotonic() - begun < 2
    time.sleep(2.2)
    assert not alive.exists()


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        ("", "the command is empty"),
        ("/nowhere/kms get", "'/nowhere/kms' cannot be run"),
        ("kms 'unfinished", "No closing quotation"),
        (r"printf '\377'", "something other than text"),
    ],
)
def test_what_is_wrong_with_a_command_is_said(command, problem):
    with pytest.raises(ValueError, match=problem):
        secret_of(command, 10)


def test_what_a_failing_command_prints_is_in_no_error(tmp_path):
    program = tmp_path / "kms"
    program.write_text("#!/bin/sh\necho top-secret; echo top-secret >&2; exit 3\n")
    program.chmod(0o755)
    with pytest.raises(ValueError, match="ended with 3") as error:
        secret_of(str(program), 10)
    assert "top-secret" not in repr(error.value)
