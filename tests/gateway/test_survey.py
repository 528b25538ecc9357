"""Asking ports which dongle is there."""

import errno

import pytest

from meterhub.gateway import dialogue, survey
from meterhub.gateway.devices import searched
from meterhub.gateway.dialogue import SerialLine
from meterhub.gateway.dongles import dongle_models
from meterhub.gateway.ports import Port
from meterhub.gateway.survey import Finding, State, examine, next_step
from meterhub.gateway.transport import open_line
from meterhub.simulate.dongles.amber import SimulatedAmber
from meterhub.simulate.dongles.cul import SimulatedCUL
from meterhub.simulate.dongles.im871a import SimulatedIM871A
from meterhub.simulate.dongles.iu891a import SimulatedIU891A
from meterhub.simulate.dongles.pseudo_terminal import PseudoTerminal
from meterhub.simulate.dongles.radio import SimulatedDongle
from meterhub.simulate.dongles.rc1180 import SimulatedRC1180

KNOWN = dongle_models()
MODELS = searched(KNOWN)
USB0 = Port("/dev/ttyUSB0", "/dev/serial/by-id/usb-stick", (0x10C4, 0xEA60))


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialogue, "ANSWER_TIMEOUT_S", 0.4)


def port_of(path: str) -> Port:
    return Port(path, path)


@pytest.mark.parametrize(
    ("new_dongle", "kind", "answer"),
    [
        (SimulatedIM871A, "im871a", ("iM871A", "22001234", "14", "S2")),
        (SimulatedIU891A, "iu891a", ("iU891A", "efcdab00", "0102", "off")),
        (SimulatedAmber, "amber", ("Amber", "0042a7f1", "2.7.1", "mode 00 at power-up")),
        (SimulatedCUL, "cul", ("CUL", "", "V 1.67 nanoCUL868", "")),
    ],
)
def test_each_dongle_is_found_with_what_it_tells_of_itself(
    new_dongle: type[SimulatedDongle], kind: str, answer: tuple[str, ...]
) -> None:
    with new_dongle() as dongle:
        finding = examine(port_of(dongle.device_path), MODELS)
        assert (finding.state, finding.kind) == (State.FOUND, kind)
        info = finding.dongle
        assert info is not None
        assert (info.model, info.serial, info.firmware, info.link_mode) == answer


def test_asking_changes_nothing() -> None:
    with SimulatedIM871A() as im871a, SimulatedAmber() as amber, SimulatedRC1180() as rc1180:
        for dongle, kind in ((im871a, "im871a"), (amber, "amber"), (rc1180, "rc1180")):
            assert examine(port_of(dongle.device_path), [KNOWN[kind]]).state is State.FOUND
        assert (im871a.link_mode, amber.resets, rc1180.writes) == (2, 0, 0)
        assert rc1180._wait_for(lambda: rc1180._state == "idle", 5)


def test_a_port_where_nothing_answers_says_what_was_tried() -> None:
    with PseudoTerminal("mute", lambda data: None) as port:
        finding = examine(port_of(port.device_path), MODELS)
    assert (finding.state, finding.remark) == (State.NO_ANSWER, "asked as amber, im871a, iu891a, cul")


def test_a_dongle_of_another_band_is_told_apart() -> None:
    with SimulatedIM871A(module_type=0x36) as dongle:
        finding = examine(port_of(dongle.device_path), [KNOWN["im871a"]])
    assert finding.state is State.FAILED
    assert "iM170A, a 169 MHz module; not supported" in finding.remark


def test_a_program_is_not_said_to_have_answered() -> None:
    finding = examine(port_of("exec:sleep 5"), [KNOWN["rtl_wmbus"]])
    assert finding.state is State.FAILED
    assert "cannot be asked" in finding.remark


def test_a_port_in_use_is_told() -> None:
    with SimulatedIM871A() as dongle:
        line = open_line(dongle.device_path, 57600)
        assert examine(port_of(dongle.device_path), MODELS).state is State.IN_USE
        line.close()


@pytest.mark.parametrize(
    ("error", "state", "step"),
    [
        (PermissionError(errno.EACCES, "no"), State.NO_PERMISSION, "sudo usermod -aG dialout $USER"),
        (OSError(errno.EBUSY, "busy"), State.IN_USE, "stop the program that reads it"),
        (OSError(errno.EIO, "input/output error"), State.FAILED, "dmesg"),
    ],
)
def test_a_port_that_cannot_be_opened_says_why_and_what_to_do(error: OSError, state: State, step: str) -> None:
    def refuse(device: str, baudrate: int) -> SerialLine:
        raise error

    finding = examine(USB0, MODELS, refuse)
    assert finding.state is state
    assert step in next_step([finding])


def test_the_group_is_that_of_the_device() -> None:
    assert survey._group("/dev/null") == "root"


def test_the_next_step_follows_from_what_was_found() -> None:
    found = Finding(USB0, State.FOUND, "im871a")
    silent, alone = Finding(USB0, State.NO_ANSWER), Finding(USB0, State.NOT_ASKED)
    assert "--device /dev/serial/by-id/usb-stick@im871a --hub URL" in next_step([silent, found])
    assert "must be named" in next_step([silent])
    assert "--do-not-probe" in next_step([alone])
    assert "docker run --device" in next_step([])
