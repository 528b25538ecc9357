"""What the command says about its options before it starts."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from meterhub.commands import gateway as command
from meterhub.gateway.agent import GatewayConfig
from meterhub.gateway.ports import Port
from meterhub.simulate.dongles.cul import SimulatedCUL
from meterhub.simulate.dongles.im871a import SimulatedIM871A


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
    (device,) = config.devices
    assert (device.path, config.hub_url, device.link_mode) == ("/dev/ttyUSB0", "https://hub.example", "C/T")
    assert (config.batch_size, config.silence_s) == (1000, 900)
    assert device.models
    assert all(model.probe_order is not None for model in device.models)


def test_a_dongle_can_be_named(started: list[GatewayConfig], token_file: Path) -> None:
    assert invoke(token_file, "--dongle", "im871a")[0] == 0
    assert [model.name for model in started[0].devices[0].models] == ["im871a"]


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


def test_several_devices_each_with_its_own_kind_and_link_mode(
    started: list[GatewayConfig], token_file: Path
) -> None:
    code, _ = invoke(
        *(token_file, "--device", "/dev/ttyUSB1@cul,T1", "--device", "auto@S1", "--do-not-probe", "/dev/ttyACM0")
    )
    assert code == 0
    (config,) = started
    assert [(device.path, device.link_mode) for device in config.devices] == [
        ("/dev/ttyUSB0", "C/T"),
        ("/dev/ttyUSB1", "T1"),
        ("auto", "S1"),
    ]
    assert config.do_not_probe == ("/dev/ttyACM0",)


def test_devices_may_come_from_the_environment(
    started: list[GatewayConfig], token_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("METERHUB_GATEWAY_DEVICE", "/dev/ttyUSB5@S1 exec:rtl_sdr - | rtl_wmbus@rtl_wmbus")
    arguments = ["--hub", "https://hub.example", "--token-file", str(token_file)]
    assert CliRunner().invoke(command.app, arguments).exit_code == 0
    assert [device.path for device in started[0].devices] == ["/dev/ttyUSB5", "exec:rtl_sdr - | rtl_wmbus"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--device", "/dev/ttyUSB0"], "/dev/ttyUSB0 is named twice"),
        (["--device", "/dev/ttyUSB1@S4"], "behind @ stand a link mode"),
    ],
)
def test_devices_that_make_no_sense_are_refused(
    started: list[GatewayConfig], token_file: Path, options: list[str], message: str
) -> None:
    code, output = invoke(token_file, *options)
    assert (code, started) == (2, [])
    assert message in output


def test_what_is_missing_is_told(started: list[GatewayConfig], token_file: Path) -> None:
    def output(*arguments: str) -> str:
        return CliRunner().invoke(command.app, arguments, env={"COLUMNS": "300", "TERM": "dumb"}).output

    assert "`meterhub gateway devices` lists them" in output()
    assert "no URL of a hub" in output("--device", "x")
    assert "no token: give --token-file" in output("--device", "x", "--hub", "https://hub.example")
    assert started == []


def list_devices(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(command.app, ["devices", *arguments], env={"COLUMNS": "300", "TERM": "dumb"})
    return result.exit_code, result.stdout


def test_dongles_are_listed_with_what_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    with SimulatedIM871A() as dongle, SimulatedCUL() as named:
        usb = Port(dongle.device_path, dongle.device_path, (0x10C4, 0xEA60), "CP2102 bridge")
        forbidden = Port("/dev/ttyUSB7", "/dev/ttyUSB7", (0x0403, 0x6001))
        ports = [usb, forbidden, Port("/dev/ttyS0", "/dev/ttyS0")]
        monkeypatch.setattr(command, "serial_ports", lambda: ports)
        options = ("--device", f"{named.device_path}@cul", "--do-not-probe", "/dev/ttyUSB7")
        code, output = list_devices(*options, "--json")
        listing = json.loads(output)
        in_words = list_devices(*options)
    assert code == 0
    by_device = {item["device"]: item for item in listing["devices"]}
    assert by_device[dongle.device_path] == {
        "device": dongle.device_path,
        "port": dongle.device_path,
        "usb_id": "10C4:EA60",
        "description": "CP2102 bridge",
        "state": "found",
        "kind": "im871a",
        "model": "iM871A",
        "id": "22001234",
        "firmware": "14",
        "link_mode": "S2",
        "remark": "",
    }
    assert by_device[named.device_path]["model"] == "CUL"
    assert by_device["/dev/ttyUSB7"]["state"] == by_device["/dev/ttyS0"]["state"] == "not asked"
    assert f"--device {dongle.device_path}@im871a" in listing["next_step"]
    assert in_words[0] == 0
    assert "iM871A 22001234" in in_words[1]
    assert "Receive with: meterhub gateway --device" in in_words[1]


def test_a_machine_without_dongles_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "serial_ports", list)
    monkeypatch.setattr(command, "plugged_in", lambda ids: [(0x0BDA, 0x2838)])
    code, output = list_devices()
    assert code == 1
    assert "A radio stick 0BDA:2838 is plugged in" in output
    assert "plug the dongle in" in output
