"""A read explained on a terminal."""

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from meterhub.commands._decode_view import byte_table, header, readings_table
from meterhub.explain.read import ReadExplanation
from meterhub.explain.tree import show_steps
from meterhub.kit.money import ml_as_m3
from meterhub.readings.hourly import Quality

HOURS_SHOWN = 12


def show_read(found: ReadExplanation, console: Console) -> None:
    """Print what is known about a read, from the air to the bill."""
    read, frame = found.read, found.frame
    where = f"at {read.point_code}" if read.point_code else "at no metering point"
    register = f"{ml_as_m3(read.volume_ml):f} m³"
    console.print(Text(f"Read {read.id}: {read.manufacturer} {read.serial} {where}, {register}", style="bold"))
    console.print(f"{read.at.isoformat()}, {read.source}" + (", set aside" if read.set_aside else ""))
    if frame is not None:
        console.print(f"raw frame {frame.id}, heard first by {frame.gateway}, {_signal(frame.rssi_dbm)}")
        for row in found.heard:
            console.print(f"  also by {row.gateway} at {row.received_at.isoformat()}, {_signal(row.rssi_dbm)}")
    if found.opened is not None:
        console.print()
        for line in header(found.opened.telegram):
            console.print(line)
        console.print(Padding(readings_table(found.opened.telegram), (1, 0)))
        console.print(byte_table(found.opened.roles))
    console.print()
    show_steps(found.steps, "Checks", console)
    console.print(Padding(_hours(found), (1, 0)))
    console.print("Invoices that rest on it: " + (", ".join(found.invoices) or "none"))


def _signal(rssi_dbm: int | None) -> str:
    return "signal unknown" if rssi_dbm is None else f"{rssi_dbm} dBm"


def _hours(found: ReadExplanation) -> Table:
    table = Table("hour (UTC)", "volume", "quality", title="Hours that it feeds", title_justify="left")
    for row in found.hours[:HOURS_SHOWN]:
        table.add_row(
            f"{row.hour:%Y-%m-%d %H:%M}", f"{ml_as_m3(row.volume_ml):f} m³", Quality(row.quality).name.lower()
        )
    if len(found.hours) > HOURS_SHOWN:
        table.add_row(f"and {len(found.hours) - HOURS_SHOWN} more", "", "")
    return table
