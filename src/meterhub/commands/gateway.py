"""`meterhub gateway`: the collector PC."""

import ipaddress
import logging
import socket
import stat
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from meterhub.gateway.agent import GatewayConfig, read_token, run_gateway, set_up_logging
from meterhub.gateway.dongle import DongleModel, LinkMode
from meterhub.gateway.dongles import dongle_models
from meterhub.gateway.spool_file import SpoolError

app = typer.Typer()
log = logging.getLogger(__name__)


@app.command()
def run(
    device: Annotated[
        str,
        typer.Option(
            envvar="METERHUB_GATEWAY_DEVICE",
            help="Serial device, socket://host:port, rfc2217://host:port, or exec:COMMAND.",
        ),
    ],
    hub: Annotated[str, typer.Option(envvar="METERHUB_GATEWAY_HUB", help="URL of the hub.")],
    token_file: Annotated[
        Path, typer.Option(envvar="METERHUB_GATEWAY_TOKEN_FILE", help="File with this gateway's token.")
    ],
    spool: Annotated[
        Path,
        typer.Option(envvar="METERHUB_GATEWAY_SPOOL", help="File that keeps telegrams until the hub has them."),
    ] = Path("meterhub-spool.sqlite"),
    link_mode: Annotated[
        LinkMode, typer.Option(envvar="METERHUB_GATEWAY_LINK_MODE", help="What to listen to.")
    ] = LinkMode.CT,
    batch: Annotated[int, typer.Option(min=1, max=10_000, help="Telegrams in one upload.")] = 1_000,
    name: Annotated[
        str,
        typer.Option(envvar="METERHUB_GATEWAY_NAME", help="Name of this gateway at the hub. [default: host name]"),
    ] = "",
    dongle: Annotated[
        str, typer.Option(envvar="METERHUB_GATEWAY_DONGLE", help="Kind of dongle; auto asks the device.")
    ] = "auto",
    silence_minutes: Annotated[
        float, typer.Option(min=0.01, help="Reset the dongle when it hears nothing for so long.")
    ] = 15.0,
    verbose: Annotated[bool, typer.Option("--verbose", help="Log more.")] = False,
) -> None:
    """Read a radio dongle, keep every telegram on disk, upload them to the hub."""
    set_up_logging(verbose=verbose)
    _check_hub(hub)
    _check_token_file(token_file)
    config = GatewayConfig(
        name=name or socket.gethostname(),
        device=device,
        models=_models(dongle),
        link_mode=link_mode,
        hub_url=hub,
        token_file=token_file,
        spool_file=spool,
        batch_size=batch,
        silence_s=silence_minutes * 60,
    )
    try:
        code = run_gateway(config)
    except (SpoolError, OSError) as error:
        log.critical("%s", error)
        code = 1
    raise typer.Exit(code)


def _models(name: str) -> tuple[DongleModel, ...]:
    known = dongle_models()
    if name == "auto":
        return tuple(model for model in known.values() if model.probe_order is not None)
    if name not in known:
        raise typer.BadParameter(f"unknown dongle {name!r}; known: auto, {', '.join(known)}")
    return (known[name],)


def _check_hub(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise typer.BadParameter(f"{url!r} is no URL of a hub; expected https://host")
    if parts.scheme == "http" and not _is_loopback(parts.hostname):
        log.warning("%s IS NOT ENCRYPTED: token and telegrams can be read on the way; use https", url)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _check_token_file(path: Path) -> None:
    try:
        read_token(path)
    except (OSError, ValueError) as error:
        raise typer.BadParameter(f"no token: {error}") from error
    if path.stat().st_mode & stat.S_IROTH:
        log.warning("token file %s can be read by everybody; run: chmod 600 %s", path, path)
