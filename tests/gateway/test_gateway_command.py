"""What the command says about its options before it starts."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from meterhub.commands import gateway as command
from meterhub.gateway.agent import GatewayConfig


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[GatewayConfig]:
    """Collects configurations instead of running them."""
    configs: list[GatewayConfig] = []

    def run(config: GatewayConfig) -> int:
        configs.append(config)
        return 0

    monkeypatch.setattr(command, "run_gateway", run)
    monkeypatch.setattr(command, "set_up_logging", lambda verbose: None)
    return configs


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.touch(mode=0o600)
    path.write_text("secret\n")
    return path


def invoke(token_file: Path, *options: str, hub: str = "https://hub.example") -> tuple[int, str]:
    arguments = ["--device", "/dev/ttyUSB0", "--hub", hub, "--token-file", str(token_file), *options]
    result = CliRunner().invoke(command.app, arguments, env={"COLUMNS": "300", "TERM": "dumb"})
    return result.exit_code, result.output


def test_defaults_are_told_to_the_gateway(started: list[GatewayConfig], token_file: Path) -> None:
    assert invoke(token_file) == (0, "")
    (config,) = started
    assert (config.device, config.hub_url, config.link_mode) == ("/dev/ttyUSB0", "https://hub.example", "C/T")
    assert (config.batch_size, config.silence_s) == (1000, 900)
    assert config.models
    assert all(model.probe_order is not None for model in config.models)


def test_a_dongle_can_be_named(started: list[GatewayConfig], token_file: Path) -> None:
    assert invoke(token_file, "--dongle", "im871a")[0] == 0
    assert [model.name for model in started[0].models] == ["im871a"]


def test_an_unknown_dongle_is_refused_with_the_known_ones(started: list[GatewayConfig], token_file: Path) -> None:
    code, output = invoke(token_file, "--dongle", "im999")
    assert code == 2
    assert "unknown dongle 'im999'; known: auto," in output
    assert started == []


@pytest.mark.parametrize("hub", ["hub.example", "ftp://hub.example", "https://", ""])
def test_a_hub_that_is_no_url_is_refused(started: list[GatewayConfig], token_file: Path, hub: str) -> None:
    code, output = invoke(token_file, hub=hub)
    assert code == 2
    assert "no URL of a hub" in output


@pytest.mark.parametrize(
    ("hub", "warned"),
    [
        ("http://hub.example", True),
        ("http://10.0.0.5:8000", True),
        ("http://127.0.0.1:8000", False),
        ("http://[::1]:8000", False),
        ("http://localhost:8000", False),
        ("https://hub.example", False),
    ],
)
def test_an_unencrypted_way_to_another_machine_is_warned_of(
    started: list[GatewayConfig], token_file: Path, hub: str, warned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    assert invoke(token_file, hub=hub)[0] == 0
    assert ("IS NOT ENCRYPTED" in caplog.text) is warned


def test_a_token_file_that_everybody_can_read_is_warned_of(
    started: list[GatewayConfig], token_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    invoke(token_file)
    assert caplog.text == ""
    token_file.chmod(0o644)
    invoke(token_file)
    assert f"can be read by everybody; run: chmod 600 {token_file}" in caplog.text


@pytest.mark.parametrize("content", ["", "\n", "two words", "zwölf", "a\x00b"])
def test_a_file_without_a_usable_token_is_refused(
    started: list[GatewayConfig], token_file: Path, content: str
) -> None:
    token_file.write_text(content)
    code, output = invoke(token_file)
    assert code == 2
    assert "no token" in output
    assert started == []


def test_a_missing_token_file_is_refused(started: list[GatewayConfig], tmp_path: Path) -> None:
    code, output = invoke(tmp_path / "none")
    assert code == 2
    assert "No such file" in output
