"""Asks every serial port which dongle is there, and changes nothing: for `meterhub gateway devices`."""

import errno
import grp
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from meterhub.gateway.dialogue import NoAnswerError, SerialLine, converse
from meterhub.gateway.dongle import DongleInfo, DongleModel, SetUpError
from meterhub.gateway.ports import Port, hinted
from meterhub.gateway.transport import open_line

OpenLine = Callable[[str, int], SerialLine]


class State(StrEnum):
    """What came of asking at a port."""

    FOUND = "found"
    NO_ANSWER = "no answer"
    NO_PERMISSION = "no permission"
    IN_USE = "in use"
    FAILED = "failed"
    NOT_ASKED = "not asked"


@dataclass(frozen=True, slots=True)
class Finding:
    """A port and what answered there."""

    port: Port
    state: State
    kind: str = ""
    """Name of the kind of dongle that answered, as `--dongle` takes it."""
    dongle: DongleInfo | None = None
    remark: str = ""


def examine(port: Port, models: Sequence[DongleModel], open_line: OpenLine = open_line) -> Finding:
    """Try the kinds one after the other, the likely ones first, until one answers."""
    for model in hinted(models, port):
        try:
            dongle = _identify(port.device, model, open_line)
        except NoAnswerError:
            continue
        except SetUpError as error:
            return Finding(port, State.FAILED, model.name, remark=str(error))
        except OSError as error:
            return _not_opened(port, error)
        return Finding(port, State.FOUND, model.name, dongle)
    tried = ", ".join(model.name for model in hinted(models, port))
    return Finding(port, State.NO_ANSWER, remark=f"asked as {tried}")


def _identify(device: str, model: DongleModel, open_line: OpenLine) -> DongleInfo:
    line = open_line(device, model.baudrate)
    try:
        codec = model.new_codec()
        return converse(line, codec, codec.identify(), lambda _events: None, searching=True)
    finally:
        line.close()


def _not_opened(port: Port, error: OSError) -> Finding:
    if error.errno in {errno.EACCES, errno.EPERM}:
        return Finding(port, State.NO_PERMISSION, remark=f"only for group {_group(port.device)}")
    if error.errno in {errno.EAGAIN, errno.EBUSY}:
        return Finding(port, State.IN_USE, remark="another program reads it; a running gateway, perhaps")
    return Finding(port, State.FAILED, remark=str(error))


def _group(device: str) -> str:
    """Return the group whose members may open a device."""
    try:
        return grp.getgrgid(Path(device).stat().st_gid).gr_name
    except (OSError, KeyError):
        return "dialout"


def next_step(findings: Sequence[Finding]) -> str:
    """Return what to do now: the command that starts the gateway, or what stands in its way."""
    found = [finding for finding in findings if finding.state is State.FOUND]
    barred = [finding for finding in findings if finding.state is State.NO_PERMISSION]
    if found:
        devices = " ".join(f"--device {finding.port.stable_name}@{finding.kind}" for finding in found)
        return f"Receive with: meterhub gateway {devices} --hub URL --token-file FILE"
    if barred:
        group = _group(barred[0].port.device)
        return f"Get permission with: sudo usermod -aG {group} $USER, then log out and in again"
    if any(finding.state is State.IN_USE for finding in findings):
        return "A port is in use: stop the program that reads it (systemctl stop meterhub-gateway), then ask again"
    if any(finding.state is State.NO_ANSWER for finding in findings):
        return (
            "No dongle answered: unplug it for ten seconds and ask again. An RC1180, a radio stick or another"
            " receiver must be named: meterhub gateway --device PATH@KIND"
        )
    if any(finding.state is State.NOT_ASKED and finding.port.usb_id for finding in findings):
        return "All ports on USB were left alone, as --do-not-probe says: name the dongle's with --device"
    return (
        "No serial port on USB: plug the dongle in and see whether `dmesg | tail` tells of it; a container must"
        " be given the device (docker run --device /dev/ttyUSB0)"
    )
