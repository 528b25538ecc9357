"""From a dated read of the snapshot to register reads, raw frames and what decoding them again gives."""

from collections.abc import Mapping
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from meterhub.assets.keys import key_for
from meterhub.billing.runs.snapshot import meter_name
from meterhub.billing.runs.usage import ML_PER_L, StoredRead, local_midnight, register_between, whole_litres_ml
from meterhub.errors import MeterhubError
from meterhub.explain import repository
from meterhub.explain.model import Step, Verdict, checked, differences
from meterhub.ingest.decoding import (
    Damaged,
    Held,
    MeterRead,
    Readable,
    Reason,
    Registered,
    Registry,
    open_link,
    read_with_telegram,
)
from meterhub.ingest.history import told_at
from meterhub.ingest.history_queries import register_told
from meterhub.ingest.repository import load_formats
from meterhub.kit.db import AnyRow
from meterhub.kit.money import ml_as_m3
from meterhub.kit.units import ML_PER_M3
from meterhub.kit.values import Json
from meterhub.settings import Settings
from meterhub.wmbus import FormatStore, Telegram


class Evidence:
    """All reads and frames behind one snapshot, loaded once, and the steps already told."""

    def __init__(self, connection: Connection, settings: Settings, snapshot: Json) -> None:
        self._connection = connection
        self._settings = settings
        self._zone = ZoneInfo(snapshot["zone"])
        self._by_ref: dict[str, tuple[Json, Json]] = {
            read["ref"]: (installation, read)
            for place in (snapshot, *snapshot.get("deducts", ()))
            for installation in place.get("installations", ())
            for read in installation["reads"]
        }
        kept = [stored for _, read in self._by_ref.values() for stored in read["reads"]]
        frames = [stored["raw_frame_id"] for stored in kept if stored["raw_frame_id"] is not None]
        self._reads: Mapping[int, AnyRow] = repository.register_reads(
            connection, [stored["id"] for stored in kept]
        )
        self._frames: Mapping[int, AnyRow] = repository.raw_frames(connection, frames)
        self._formats = FormatStore(load_formats(connection))
        self._told: set[str] = set()

    def step(self, ref: str) -> Step:
        """Return the chain behind a dated read; in full the first time it is asked for."""
        if ref not in self._by_ref:
            return Step(f"read {ref}", Verdict.DIFFERS, "the snapshot has no such read")
        installation, read = self._by_ref[ref]
        title = (
            f"{meter_name(installation)}: {ml_as_m3(read['volume_ml']):.3f} m³ "
            f"at the start of {read['on']}, {_BASIS[read['basis']]}"
        )
        if ref in self._told:
            return Step(f"{title} (see above)")
        self._told.add(ref)
        if "invoice" in read or "contract_id" in read:
            return self._carried(title, installation, read)
        stored = tuple(self._stored_read(installation, one) for one in read["reads"])
        computed_ml = self._register(installation, read)
        found = differences({"register [ml]": read["volume_ml"]}, {"register [ml]": computed_ml})
        return checked(title, found, stored)

    def _carried(self, title: str, installation: Json, read: Json) -> Step:
        """Compare a register that another document fixed with what that one says."""
        day, basis, meter_id = date.fromisoformat(read["on"]), read["basis"], installation["meter_id"]
        number = read.get("invoice") or repository.neighbour(
            self._connection, read["contract_id"], day, ends=basis == "invoice"
        )
        if number is None:
            return Step(title, Verdict.UNKNOWN, "the document beside it was never issued")
        other_ml: int | None
        if basis == "reopened":
            litres = repository.reopened(self._connection, number, meter_name(installation), day)
            modulus = 10 ** installation["digits"] * ML_PER_M3
            name, other_ml = "opening of a line", None if litres is None else litres * ML_PER_L % modulus
        elif basis == "invoice":
            name, other_ml = "closing", repository.closing(self._connection, number, meter_id)
        else:
            name, other_ml = "opening", repository.opening(self._connection, number, meter_id)
        name = f"{name} of {number} [ml]"
        return checked(f"{title} {number}", differences({name: read["volume_ml"]}, {name: other_ml}))

    def _register(self, installation: Json, read: Json) -> int:
        """Compute the register again from what is stored now, not from the snapshot's copy."""
        rows = [self._reads[one["id"]] for one in read["reads"] if one["id"] in self._reads]
        reads = [StoredRead(row.id, row.at, row.volume_ml, row.source, row.raw_frame_id) for row in rows]
        if len(reads) < len(read["reads"]):
            return int(read["volume_ml"])  # a read is gone; its own step says so
        if read["basis"] == "interpolated":
            before, after = reads
            at = local_midnight(date.fromisoformat(read["on"]), self._zone)
            return whole_litres_ml(register_between(at, before, after, installation["digits"]))
        return whole_litres_ml(reads[0].volume_ml)

    def _stored_read(self, installation: Json, kept: Json) -> Step:
        title = f"register read {kept['id']}: {ml_as_m3(kept['volume_ml'])} m³ at {kept['at']}, {kept['source']}"
        row = self._reads.get(kept["id"])
        if row is None:
            return Step(title, Verdict.UNKNOWN, "this read is no longer kept")
        found = differences(
            {
                "meter": installation["meter_id"],
                "volume [ml]": kept["volume_ml"],
                "time": datetime.fromisoformat(kept["at"]),
                "source": kept["source"],
            },
            {"meter": row.meter_id, "volume [ml]": row.volume_ml, "time": row.at, "source": row.source},
        )
        frame = () if kept["raw_frame_id"] is None else (self._frame(installation, row, kept["raw_frame_id"]),)
        return checked(title, found, frame)

    def _frame(self, installation: Json, read: AnyRow, frame_id: int) -> Step:
        frame = self._frames.get(frame_id)
        if frame is None:
            return Step(f"raw frame {frame_id}", Verdict.UNKNOWN, "its retention has ended")
        title = f"raw frame {frame.id}, heard by {frame.gateway} at {frame.received_at.isoformat()}"
        told = register_told(self._connection, read.meter_id, read.at, frame.id)
        found = [] if told is not None else differences({"time": read.at}, {"time": frame.received_at})
        decoded = self._decoded(installation, read, frame, told)
        return checked(title, found, (Step(bytes(frame.frame).hex()), decoded))

    def _decoded(self, installation: Json, read: AnyRow, frame: AnyRow, told: str | None) -> Step:
        """Decrypt and decode the frame again, on the way that it came in by; `told` names a past register."""
        link = open_link(bytes(frame.frame))
        if isinstance(link, Damaged):
            return Step("decoding", Verdict.DIFFERS, f"the frame is damaged: {link.detail}")
        try:
            outcome, telegram = self._read_again(installation, link)
        except MeterhubError as error:
            return Step("decryption and decoding", Verdict.UNKNOWN, f"cannot be opened here: {error.detail}")
        if isinstance(outcome, Held) and outcome.reason is Reason.FRAGMENT:
            return Step("decoding", Verdict.UNKNOWN, "the last part of a message that came in several frames")
        if isinstance(outcome, Held):
            return Step("decryption and decoding", Verdict.DIFFERS, f"{outcome.reason}: {outcome.detail}")
        register, name = outcome.volume_ml, ""
        if told is not None:
            name = f"historic register {told}: "
            zone = self._settings.tz
            register = None if telegram is None else told_at(telegram, frame.received_at, read.at, zone)
        shown = "no register" if register is None else f"{ml_as_m3(register):f} m³"
        return checked(
            f"decrypted and decoded again: {name}{shown}",
            differences({"volume [ml]": read.volume_ml}, {"volume [ml]": register}),
        )

    def _read_again(self, installation: Json, link: Readable) -> tuple[MeterRead | Held, Telegram | None]:
        meter_id = installation["meter_id"]
        keys = key_for(self._connection, self._settings, meter_id)
        name = (installation["manufacturer"], installation["serial"])
        meter = Registered(meter_id, installation["digits"], tuple(keys))
        return read_with_telegram(link, Registry({name: meter}), self._formats)


_BASIS = {
    "read": "as read",
    "interpolated": "on the line between two reads",
    "invoice": "as closed by",
    "next_invoice": "as opened by",
    "reopened": "as an estimate began on",
}
