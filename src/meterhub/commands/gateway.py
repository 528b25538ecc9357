"""`meterhub gateway`: the collector PC. `meterhub gateway devices`: which dongles are plugged in."""

import ipaddress
import json
import logging
import os
import socket
import stat
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from meterhub.commands._gateway_enrol import enrol
from meterhub.gateway.agent import GatewayConfig, run_gateway, set_up_logging
from meterhub.gateway.devices import AUTO, Device, models_named, parse_device, searched, split_devices
from meterhub.gateway.dongle import LinkMode
from meterhub.gateway.dongles import dongle_models
from meterhub.gateway.ports import Port, plugged_in, serial_ports, to_search
from meterhub.gateway.receiver import title
from meterhub.gateway.room import DEFAULT_LIMIT_BYTES, DEFAULT_RESERVE_BYTES, Room
from meterhub.gateway.spool_file import SpoolError
from meterhub.gateway.survey import Finding, State, examine, next_step
from meterhub.gateway.thinning import Keep
from meterhub.gateway.token_file import read_token

app = typer.Typer()
app.command()(enrol)
log = logging.getLogger(__name__)

DEVICE_VARIABLE = "METERHUB_GATEWAY_DEVICE"
ASKED_AT_ONCE = 8
MB = 2**20

DoNotProbe = Annotated[
    list[str],
    typer.Option(envvar="METERHUB_GATEWAY_DO_NOT_PROBE", help="Port that a search must leave alone. Repeatable."),
]


@app.callback(invoke_without_command=True)
def run(
    context: typer.Context,
    device: Annotated[
        list[str],
        typer.Option(
            help="Serial device, socket://host:port, rfc2217://host:port, exec:COMMAND, a named pipe, - for"
            " standard input, or auto for all dongles on USB; @S1, @cul or @cul,T1 behind it sets link mode and"
            f" kind of this one. Repeatable.  \\[env var: {DEVICE_VARIABLE}, separated by blanks]",
        ),
    ] = [],  # noqa: B006 - Typer's way to say that the option may be left out
    hub: Annotated[str, typer.Option(envvar="METERHUB_GATEWAY_HUB", help="URL of the hub.")] = "",
    token_file: Annotated[
        Path | None, typer.Option(envvar="METERHUB_GATEWAY_TOKEN_FILE", help="File with this gateway's token.")
    ] = None,
    spool: Annotated[
        Path,
        typer.Option(envvar="METERHUB_GATEWAY_SPOOL", help="File that keeps telegrams until the hub has them."),
    ] = Path("meterhub-spool.sqlite"),
    link_mode: Annotated[
        LinkMode,
        typer.Option(envvar="METERHUB_GATEWAY_LINK_MODE", help="What to listen to, where a device does not say."),
    ] = LinkMode.CT,
    batch: Annotated[int, typer.Option(min=1, max=10_000, help="Telegrams in one upload.")] = 1_000,
    name: Annotated[
        str,
        typer.Option(envvar="METERHUB_GATEWAY_NAME", help="Name of this gateway at the hub. [default: host name]"),
    ] = "",
    dongle: Annotated[
        str,
        typer.Option(
            envvar="METERHUB_GATEWAY_DONGLE",
            help="Kind of dongle, where a device does not say; auto asks the device.",
        ),
    ] = AUTO,
    do_not_probe: DoNotProbe = [],  # noqa: B006 - as above
    silence_minutes: Annotated[
        float, typer.Option(min=0.01, help="Reset a dongle when it hears nothing for so long.")
    ] = 15.0,
    keep: Annotated[
        Keep,
        typer.Option(
            envvar="METERHUB_GATEWAY_KEEP",
            help="All telegrams, or by meter the last before each quarter or hour; the hub may say otherwise.",
        ),
    ] = Keep.ALL,
    registered_only: Annotated[
        bool,
        typer.Option(
            envvar="METERHUB_GATEWAY_REGISTERED_ONLY",
            help="Drop and count telegrams of meters that the hub does not know; the hub may say otherwise.",
        ),
    ] = False,
    spool_mb: Annotated[
        int, typer.Option(min=1, envvar="METERHUB_GATEWAY_SPOOL_MB", help="Most that the spool may take [MB].")
    ] = DEFAULT_LIMIT_BYTES // MB,
    disk_reserve_mb: Annotated[
        int,
        typer.Option(
            min=0, envvar="METERHUB_GATEWAY_DISK_RESERVE_MB", help="Leave so much of the disk free [MB]."
        ),
    ] = DEFAULT_RESERVE_BYTES // MB,
    max_kbit_s: Annotated[
        float | None,
        typer.Option(
            min=1, envvar="METERHUB_GATEWAY_MAX_KBIT_S", help="Most of the line that uploads may take [kbit/s]."
        ),
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", help="Log more.")] = False,
) -> None:
    """Read radio dongles, keep every telegram on disk, upload them to the hub."""
    if context.invoked_subcommand is not None:
        return
    set_up_logging(verbose=verbose)
    config = GatewayConfig(
        name=name or socket.gethostname(),
        devices=_devices(device or split_devices(os.environ.get(DEVICE_VARIABLE, "")), dongle, link_mode),
        do_not_probe=tuple(do_not_probe),
        hub_url=_checked_hub(hub),
        token_file=_checked_token_file(token_file),
        spool_file=spool,
        batch_size=batch,
        silence_s=silence_minutes * 60,
        room=Room(spool_mb * MB, disk_reserve_mb * MB),
        keep=keep,
        listed_only=registered_only,
        max_kbit_s=max_kbit_s,
    )
    try:
        code = run_gateway(config)
    except (SpoolError, OSError) as error:
        log.critical("%s", error)
        code = 1
    raise typer.Exit(code)


@app.command()
def devices(
    device: Annotated[
        list[str],
        typer.Option(help="Ask this one too, as --device of `meterhub gateway` names it. Repeatable."),
    ] = [],  # noqa: B006 - as above
    do_not_probe: DoNotProbe = [],  # noqa: B006 - as above
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """List serial ports and ask each which dongle is there; nothing is changed on it.

    Ends with 0 when a dongle has answered, with 1 when none has.
    """
    named = tuple(item for item in _devices([*device, AUTO], AUTO, LinkMode.CT) if item.path != AUTO)
    ports = serial_ports()
    asked = to_search(ports, [*do_not_probe, *(item.path for item in named)])
    models = searched(dongle_models())
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("Asking dongles", total=len(asked) + len(named))
        questions = [(Port(item.path, item.path), item.models) for item in named]
        questions += [(port, models) for port in asked]
        findings = []
        with ThreadPoolExecutor(ASKED_AT_ONCE) as pool:
            pending = [pool.submit(examine, *question) for question in questions]
            for done in as_completed(pending):
                findings.append(done.result())
                progress.advance(task)
    findings.sort(key=lambda finding: finding.port.stable_name)
    findings += [_not_asked(port, do_not_probe) for port in ports if port not in asked and not _is(port, named)]
    radios = _radio_sticks()
    if as_json:
        document = {"devices": [_as_json(finding) for finding in findings], "radio_sticks": radios}
        typer.echo(json.dumps({**document, "next_step": next_step(findings)}))
    else:
        _show(findings, radios)
    raise typer.Exit(0 if any(finding.state is State.FOUND for finding in findings) else 1)


def _is(port: Port, named: Sequence[Device]) -> bool:
    return any(Path(item.path).resolve() == Path(port.device) for item in named)


def _not_asked(port: Port, do_not_probe: Sequence[str]) -> Finding:
    forbidden = any(Path(path).resolve() == Path(port.device).resolve() for path in do_not_probe)
    remark = "--do-not-probe" if forbidden else "part of the machine, not on USB; ask it with --device"
    return Finding(port, State.NOT_ASKED, remark=remark)


def _radio_sticks() -> list[dict[str, str]]:
    """Return radio sticks that are no serial ports, each with the kinds of dongle that its programs are."""
    models = [model for model in dongle_models().values() if model.probe_order is None]
    return [
        {"usb_id": _hex(usb_id), "kinds": ", ".join(model.name for model in models if usb_id in model.usb_ids)}
        for usb_id in plugged_in({usb_id for model in models for usb_id in model.usb_ids})
    ]


def _hex(usb_id: tuple[int, int] | None) -> str:
    return "" if usb_id is None else f"{usb_id[0]:04X}:{usb_id[1]:04X}"


def _as_json(finding: Finding) -> dict[str, object]:
    dongle = finding.dongle
    return {
        "device": finding.port.stable_name,
        "port": finding.port.device,
        "usb_id": _hex(finding.port.usb_id) or None,
        "description": finding.port.description,
        "state": finding.state,
        "kind": finding.kind or None,
        "model": dongle.model if dongle else None,
        "id": dongle.serial or None if dongle else None,
        "firmware": dongle.firmware or None if dongle else None,
        "link_mode": dongle.link_mode or None if dongle else None,
        "remark": finding.remark,
    }


def _show(findings: Sequence[Finding], radios: Sequence[dict[str, str]]) -> None:
    console = Console()
    if findings:
        table = Table("Device", "USB", "Answer", "Firmware", "Link mode now", "Remark", box=None)
        for row in _rows(findings):
            table.add_row(*map(escape, row))
        console.print(table)
    for radio in radios:
        console.print(
            f"A radio stick {radio['usb_id']} is plugged in. Receive with:"
            f" meterhub gateway --device 'exec:PROGRAM@KIND', the kind being one of {radio['kinds']}",
            markup=False,
        )
    console.print(next_step(findings), markup=False, soft_wrap=True)


def _rows(findings: Sequence[Finding]) -> Iterator[tuple[str, ...]]:
    for finding in findings:
        dongle = finding.dongle
        answer = (finding.state, "", "") if dongle is None else (title(dongle), dongle.firmware, dongle.link_mode)
        remark = finding.remark or finding.port.description
        yield finding.port.stable_name, _hex(finding.port.usb_id), *answer, remark


def _devices(texts: Sequence[str], dongle: str, link_mode: LinkMode) -> tuple[Device, ...]:
    """Return the devices that the options name; raises `typer.BadParameter`."""
    if not texts:
        raise typer.BadParameter(
            "no device: give --device PATH, or --device auto for all on USB; `meterhub gateway devices` lists them"
        )
    known = dongle_models()
    try:
        default = Device("", models_named(dongle, known), link_mode)
        named = tuple(parse_device(text, known, default) for text in texts)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    paths = [item.path for item in named]
    if twice := {path for path in paths if paths.count(path) > 1}:
        raise typer.BadParameter(f"{', '.join(sorted(twice))} is named twice")
    return named


def _checked_hub(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise typer.BadParameter(f"{url!r} is no URL of a hub; expected --hub https://host")
    if parts.scheme == "http" and not _is_loopback(parts.hostname):
        log.warning("%s IS NOT ENCRYPTED: token and telegrams can be read on the way; use https", url)
    return url


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _checked_token_file(path: Path | None) -> Path:
    if path is None:
        raise typer.BadParameter("no token: give --token-file with the token that the hub has issued")
    try:
        read_token(path)
    except (OSError, ValueError) as error:
        raise typer.BadParameter(f"no token: {error}") from error
    if path.stat().st_mode & stat.S_IROTH:
        log.warning("token file %s can be read by everybody; run: chmod 600 %s", path, path)
    return path
