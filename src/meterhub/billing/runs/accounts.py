"""From what is stored about one contract to its snapshot, and from that to rated documents; pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from meterhub.billing.rating.errors import RatingError
from meterhub.billing.rating.model import Document, Line
from meterhub.billing.rating.quoting import quote
from meterhub.billing.rating.serialise import plain
from meterhub.billing.rating.tariffs import PriceList
from meterhub.billing.rating.traces import MeterVolume, Method, SplitTrace, VolumeTrace
from meterhub.billing.runs.contracts import customer_of
from meterhub.billing.runs.extras import extras_of
from meterhub.billing.runs.loading import METERED, SETTLEMENT, Account, Chunk, q4_m3h
from meterhub.billing.runs.sites import sites_of
from meterhub.billing.runs.snapshot import SCHEMA, meter_name, price_list, quote_of
from meterhub.billing.runs.spans import Installed
from meterhub.billing.runs.usage import ML_PER_L, Carried, dated_reads
from meterhub.kit.db import AnyRow
from meterhub.kit.money import divide_half_up
from meterhub.kit.periods import DateRange
from meterhub.kit.units import ML_PER_M3
from meterhub.kit.values import Json
from meterhub.settings import Settings

DAYS_PER_YEAR = 365
ACTUAL = (Method.READ, Method.INTERPOLATED, Method.REMOVED)


@dataclass(frozen=True, slots=True)
class Bill:
    """A rated document for one payer of a contract, ready to be kept as a draft.

    `daily_l` is the mean use [l a day] of what it bills anew, `annual_m3` what the reads say of a year.
    """

    contract_id: int
    customer_id: int
    period: DateRange
    document: Document
    snapshot: Json
    daily_l: Decimal | None
    annual_m3: Decimal | None
    last_read_on: date | None
    is_estimated: bool
    adjustment_ids: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class Held:
    """A contract that waits, and why; the code is stable. `releasable`: a clerk may bill it as it is."""

    contract_id: int
    code: str
    message: str
    releasable: bool = False


@dataclass(frozen=True, slots=True)
class Pricing:
    """The frozen prices of a run, and price lists already made of them by services."""

    settings: Settings
    currency: str
    country: str
    prices: Json
    frozen: Json
    hash: str
    lists: dict[tuple[tuple[str, ...], bool], PriceList] = field(default_factory=dict)

    def of(self, services: tuple[str, ...], *, volumes_only: bool) -> PriceList:
        """Return the price list of points with these services."""
        key = (services, volumes_only)
        if key not in self.lists:
            self.lists[key] = price_list(self.prices, services, volumes_only=volumes_only)
        return self.lists[key]

    def cuts(self) -> list[date]:
        """Return the days on which a price or a VAT rate changes."""
        versions = [*self.prices["tariff"]["versions"], *self.prices["vat"]]
        days = {version[end] for version in versions for end in ("valid_from", "valid_to")}
        return sorted(date.fromisoformat(day) for day in days if day)


def frozen_of(settings: Settings, country: str, currency: str, prices: Json) -> Json:
    """Return what the snapshots of a run share."""
    return {
        "schema": SCHEMA,
        "country": country,
        "currency": currency,
        "zone": settings.zone,
        "seller": settings.utility.model_dump(),
        **prices,
    }


def bill_account(account: Account, chunk: Chunk, pricing: Pricing) -> list[Bill] | Held:
    """Return the documents of an account, one a payer, or why it cannot be billed."""
    contract_id = account.contract_id
    conflict = chunk.neighbours.conflicts.get(contract_id)
    if conflict is not None:
        return Held(contract_id, conflict.code, conflict.message)
    try:
        return _rated(account, chunk, pricing)
    except RatingError as error:
        return Held(contract_id, error.reason, error.detail)
    except Exception as error:  # noqa: BLE001 - a fault in one account must not stop the others
        return Held(contract_id, "internal_error", f"{type(error).__name__}: {error}")


def _rated(account: Account, chunk: Chunk, pricing: Pricing) -> list[Bill] | Held:
    snapshot, adjustments = snapshot_of(account, chunk, pricing)
    if account.is_metered and not snapshot["installations"]:
        point = snapshot["point"]["point_code"]
        return Held(account.contract_id, "no_meter", f"no meter was installed at point {point!r} in this period")
    services = tuple(account.contract.row.services)
    prices = pricing.of(services, volumes_only=account.regime == SETTLEMENT)
    result = quote(quote_of({**pricing.frozen, **snapshot}, prices))
    measured = _measured(result.documents, account, snapshot)
    payers = _payers_by_id(account)
    bills = []
    for position, document in enumerate(result.documents):
        customer_id, customer = payers.get(document.payer) or (None, None)
        if customer_id is None or customer is None:
            return Held(
                account.contract_id,
                "payer_gone",
                f"customer {document.payer!r} gets back what was estimated, and pays this contract no longer: "
                "credit that document on its own",
            )
        first = position == 0
        bills.append(
            Bill(
                contract_id=account.contract_id,
                customer_id=customer_id,
                period=account.period,
                document=document,
                snapshot={
                    **snapshot,
                    "customer": customer,
                    "openings": measured.openings,
                    "closings": measured.closings,
                },
                daily_l=measured.daily_l,
                annual_m3=measured.annual_m3 if first else None,
                last_read_on=measured.last_read_on,
                is_estimated=measured.is_estimated,
                adjustment_ids=adjustments if first else (),
            )
        )
    return bills


def snapshot_of(account: Account, chunk: Chunk, pricing: Pricing) -> tuple[Json, list[int]]:
    """Return all that the invoice depends on beside what the run's share, and the adjustments taken up."""
    row, period = account.contract.row, account.period
    installed = chunk.installed.get(account.key, ())
    snapshot: Json = {
        "frozen": pricing.hash,
        "period": [period.start.isoformat(), period.end.isoformat()],
        "customer": customer_of(row),
        "contract": {"contract_no": row.contract_no},
        "property": {
            "property_code": row.property_code,
            "street": row.property_street,
            "postal_code": row.property_postal_code,
            "city": row.property_city,
        },
        "point": {"point_code": row.point_code, "services": list(row.services)},
        "installations": [_installation(one, account, chunk, pricing) for one in installed if not one.deducts],
    }
    if account.regime != "amr":
        snapshot["regime"] = account.regime
    annual = _annual(account, chunk)
    if annual is not None:
        snapshot["annual"] = annual
    deducts = [one for one in installed if one.deducts]
    if deducts:
        snapshot["deducts"] = [
            {
                "point_code": code,
                "installations": [
                    _installation(one, account, chunk, pricing) for one in deducts if one.point_id == point_id
                ],
            }
            for point_id, code in chunk.deduct_points.items()
            if any(one.point_id == point_id for one in deducts)
        ]
    if account.payers:
        snapshot["payers"] = [
            {"customer_no": payer.customer["customer_no"], "weight": str(payer.weight)} for payer in account.payers
        ]
    if account.earlier:
        snapshot["earlier"] = [_earlier(one) for one in account.earlier]
    mark = _mark(account, chunk, installed)
    if mark is not None and not account.earlier:
        snapshot["billed_mark_ml"] = mark
    sites = sites_of(account.contract.sites, [one for one in installed if not one.deducts], account, pricing)
    if sites:
        snapshot["sites"] = sites
    adjustments: list[int] = []
    if account.takes_extras and account.contract.adjustments:
        more, adjustments = extras_of(account.contract.adjustments)
        snapshot |= more
    return snapshot, adjustments


def _annual(account: Account, chunk: Chunk) -> Json | None:
    """Return the annual volume entered, or for gaps in automatic reads what was used lately."""
    if account.regime == SETTLEMENT:
        return None
    if account.contract.annual is not None or account.regime != "amr":
        return account.contract.annual
    history = chunk.neighbours.history.get(account.contract_id)
    if history is None or history.daily_l is None:
        return None
    litres = divide_half_up(*(history.daily_l * DAYS_PER_YEAR).as_integer_ratio())
    return {"annual_m3": plain(Decimal(litres) / 1000), "from": "history"}


def _mark(account: Account, chunk: Chunk, installed: Sequence[Installed]) -> int | None:
    """Return up to where the first meter was billed, if an estimate went so far."""
    first = next((one for one in installed if not one.deducts), None)
    if first is None or account.regime not in METERED:
        return None
    mark = chunk.neighbours.marks.get((account.contract_id, first.meter_id))
    return None if mark is None else mark.volume_ml


def _installation(one: Installed, account: Account, chunk: Chunk, pricing: Pricing) -> Json:
    key = (account.key, one.meter_id)
    carried = dict(chunk.neighbours.carried.get((account.contract_id, one.meter_id), {}))
    carried |= _reopened(one, account)
    made: Json = {
        "meter_id": one.meter_id,
        "manufacturer": one.manufacturer,
        "serial": one.serial,
        "digits": one.digits,
        "reads": dated_reads(
            one.meter_id,
            one.digits,
            account.billed,
            pricing.settings.tz,
            chunk.boundaries.get(key, ()),
            chunk.exchange.get(key, ()),
            carried,
        ),
    }
    q4 = q4_m3h(one.q3_m3h)
    if q4 is not None:
        made["q4_m3h"] = plain(q4)
    return made


def _reopened(one: Installed, account: Account) -> dict[date, Carried]:
    """Return with what register of a meter the first of the estimates began that measured use replaces."""
    name = f"{one.manufacturer} {one.serial}"
    for line in account.earlier:
        if line.starts != account.billed.start:
            continue
        trace = line.trace.get("whole") or line.trace
        for volume in (*trace.get("meters", ()), *trace.get("deducted", ())):
            if volume["opening"]["meter"] == name:
                volume_ml = volume["billed_from_l"] * ML_PER_L % (10**one.digits * ML_PER_M3)
                return {line.starts: Carried(volume_ml, "reopened", {"invoice": line.number})}
    return {}


def _earlier(row: AnyRow) -> Json:
    return {
        "document": row.number,
        "payer": row.payer,
        "line": {
            "code": row.component,
            "point": row.point,
            "period": [row.starts.isoformat(), row.ends.isoformat()],
            "quantity": plain(row.quantity),
            "unit": row.unit,
            "unit_price": plain(row.unit_price),
            "price_base_quantity": plain(row.price_base_quantity),
            "net": plain(row.net),
            "vat_category": row.vat_category,
            "vat_rate": plain(row.vat_rate),
            "quality": row.quality,
            "refers_to": None,
        },
    }


def _payers_by_id(account: Account) -> dict[str, tuple[int, Json]]:
    """Return customers by how rating calls them: also the contract's own, who may get something back."""
    row = account.contract.row
    own = (int(row.customer_id), customer_of(row))
    result = {"customer": own, row.customer_no: own}
    for payer in account.contract.payers:
        result[payer.customer["customer_no"]] = (payer.customer_id, payer.customer)
    return result


@dataclass(frozen=True, slots=True)
class _Measured:
    openings: list[Json]
    closings: list[Json]
    daily_l: Decimal | None
    annual_m3: Decimal | None
    last_read_on: date | None
    is_estimated: bool


def _measured(documents: Iterable[Document], account: Account, snapshot: Json) -> _Measured:
    """Return what the volume lines of an account say: marks at the end, mean use, last read."""
    volumes = list(_volumes(documents))
    ending = [(line, trace) for line, trace in volumes if line.period and line.period.end == account.period.end]
    last_read_on = max(
        (
            evidence.on
            for _, trace in volumes
            for volume in trace.meters
            for value in (volume.opening, volume.closing)
            for evidence in value.evidence
        ),
        default=None,
    )
    litres, days = 0, 0
    component = volumes[0][0].code if volumes else None
    for line, trace in volumes:
        if line.code == component and line.period:
            litres += sum(volume.billed_to_l - volume.billed_from_l for volume in trace.meters)
            days += line.period.days
    estimated = any(volume.closing.method is Method.ESTIMATED for _, trace in ending for volume in trace.meters)
    starting = [
        (line, trace) for line, trace in volumes if line.period and line.period.start == account.period.start
    ]
    return _Measured(
        openings=_openings(starting, snapshot),
        closings=_closings(ending, snapshot),
        daily_l=Decimal(divide_half_up(litres * 10, days)) / 10 if days else None,
        annual_m3=_annual_use(snapshot, account),
        last_read_on=last_read_on,
        is_estimated=estimated,
    )


def _volumes(documents: Iterable[Document]) -> Iterable[tuple[Line, VolumeTrace]]:
    """Yield each volume once: the parts of shared lines have one whole."""
    first: str | None = None
    for document in documents:
        for line in document.lines:
            trace = line.trace.whole if isinstance(line.trace, SplitTrace) else line.trace
            if isinstance(trace, VolumeTrace):
                first = first or document.payer
                if document.payer == first:
                    yield line, trace


def _meters_of(snapshot: Json) -> dict[str, Json]:
    places = [snapshot, *snapshot.get("deducts", ())]
    return {meter_name(one): one for place in places for one in place["installations"]}


def _openings(starting: Iterable[tuple[Line, VolumeTrace]], snapshot: Json) -> list[Json]:
    """Return from where each meter is billed that read or calculation places at the period's start."""
    by_name = _meters_of(snapshot)
    marks: dict[str, MeterVolume] = {}
    for _, trace in starting:
        for volume in (*trace.meters, *trace.deducted):
            if volume.opening.meter is not None and volume.opening.method is not Method.NOT_YET_INSTALLED:
                marks[volume.opening.meter] = volume
    return [
        {
            "meter_id": by_name[name]["meter_id"],
            "volume_ml": volume.billed_from_l * ML_PER_L % (10 ** by_name[name]["digits"] * ML_PER_M3),
        }
        for name, volume in marks.items()
    ]


def _closings(ending: Iterable[tuple[Line, VolumeTrace]], snapshot: Json) -> list[Json]:
    """Return the billed-up-to mark of each meter at the period's end: what the next invoice opens with."""
    by_name = _meters_of(snapshot)
    marks: dict[str, MeterVolume] = {}
    for _, trace in ending:
        for volume in (*trace.meters, *trace.deducted):
            if volume.closing.meter is not None:
                marks[volume.closing.meter] = volume
    return [
        {
            "meter_id": by_name[name]["meter_id"],
            "volume_ml": volume.billed_to_l * ML_PER_L % (10 ** by_name[name]["digits"] * ML_PER_M3),
        }
        | ({"estimated": True} if volume.closing.method is Method.ESTIMATED else {})
        for name, volume in marks.items()
    ]


# A shorter time between reads says too little of a year.
MIN_DAYS_FOR_A_YEAR = 180


def _annual_use(snapshot: Json, account: Account) -> Decimal | None:
    """Return a year's use by the reads of a meter, where bills are estimated from it and they lie far apart."""
    if account.regime not in ("estimate", SETTLEMENT) or len(snapshot["installations"]) != 1:
        return None
    (installation,) = snapshot["installations"]
    reads = [read for read in installation["reads"] if read["basis"] in ("read", "interpolated", "reopened")]
    if len(reads) < 2:
        return None
    first, last = reads[0], reads[-1]
    days = (date.fromisoformat(last["on"]) - date.fromisoformat(first["on"])).days
    if days < MIN_DAYS_FOR_A_YEAR:
        return None
    used_ml = (last["volume_ml"] - first["volume_ml"]) % (10 ** installation["digits"] * ML_PER_M3)
    return Decimal(divide_half_up(used_ml * DAYS_PER_YEAR, days * ML_PER_M3))
