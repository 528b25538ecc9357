"""From what is stored about one contract to its snapshot, and from that to a rated document; pure."""

from dataclasses import dataclass, field
from datetime import date

from meterhub.billing.rating.errors import RatingError
from meterhub.billing.rating.model import Document, QuoteResult
from meterhub.billing.rating.quoting import quote
from meterhub.billing.rating.tariffs import PriceList
from meterhub.billing.rating.traces import VolumeTrace
from meterhub.billing.runs.loading import Account, Chunk
from meterhub.billing.runs.snapshot import SCHEMA, meter_name, price_list, quote_of
from meterhub.billing.runs.spans import Installed
from meterhub.billing.runs.usage import ML_PER_L, dated_reads
from meterhub.kit.periods import DateRange
from meterhub.kit.units import ML_PER_M3
from meterhub.kit.values import Json
from meterhub.settings import Settings


@dataclass(frozen=True, slots=True)
class Bill:
    """A rated document of one contract, ready to be issued."""

    contract_id: int
    customer_id: int
    period: DateRange
    document: Document
    snapshot: Json


@dataclass(frozen=True, slots=True)
class Held:
    """A contract that cannot be billed, and why; the code is stable."""

    contract_id: int
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Pricing:
    """The frozen prices of a run, and price lists already made of them by services."""

    settings: Settings
    currency: str
    country: str
    prices: Json
    lists: dict[tuple[str, ...], PriceList] = field(default_factory=dict)

    def of(self, services: tuple[str, ...]) -> PriceList:
        """Return the price list of points with these services."""
        if services not in self.lists:
            self.lists[services] = price_list(self.prices, services)
        return self.lists[services]

    def cuts(self) -> list[date]:
        """Return the days on which a price or a VAT rate changes."""
        versions = [*self.prices["tariff"]["versions"], *self.prices["vat"]]
        days = {version[end] for version in versions for end in ("valid_from", "valid_to")}
        return sorted(date.fromisoformat(day) for day in days if day)


def bill_account(account: Account, chunk: Chunk, pricing: Pricing) -> Bill | Held | None:
    """Return the document of a contract, or why it cannot be billed; None if there is nothing to bill."""
    contract_id = account.contract_id
    if contract_id in chunk.already_billed:
        number = chunk.already_billed[contract_id]
        return Held(contract_id, "already_billed", f"invoice {number} bills a part of this period already")
    snapshot = snapshot_of(account, chunk, pricing)
    if not snapshot["installations"]:
        point = snapshot["point"]["point_code"]
        return Held(contract_id, "no_meter", f"no meter was installed at point {point!r} in this period")
    try:
        result = quote(quote_of(snapshot, pricing.of(tuple(account.row.services))))
    except RatingError as error:
        return Held(contract_id, error.reason, error.detail)
    except Exception as error:  # noqa: BLE001 - a fault in one account must not stop the others
        return Held(contract_id, "internal_error", f"{type(error).__name__}: {error}")
    document = only_document(result)
    if document is None:
        return None
    snapshot["closings"] = _closings(document, account.period, snapshot)
    return Bill(contract_id, account.row.customer_id, account.period, document, snapshot)


def only_document(result: QuoteResult) -> Document | None:
    """Return the document of a single payer; None where there is nothing to bill."""
    if not result.documents:
        return None
    (document,) = result.documents
    return document


def snapshot_of(account: Account, chunk: Chunk, pricing: Pricing) -> Json:
    """Return everything that the invoice of a contract depends on, and what is printed on it."""
    row, period = account.row, account.period
    installed = chunk.installed.get(account.contract_id, [])
    return {
        "schema": SCHEMA,
        "country": pricing.country,
        "currency": pricing.currency,
        "zone": pricing.settings.zone,
        "period": [period.start.isoformat(), period.end.isoformat()],
        "seller": pricing.settings.utility.model_dump(),
        "customer": {
            "customer_no": row.customer_no,
            "kind": row.kind,
            "name": row.name,
            "street": row.street,
            "postal_code": row.postal_code,
            "city": row.city,
            "language": row.language,
        },
        "contract": {"contract_no": row.contract_no},
        "property": {
            "property_code": row.property_code,
            "street": row.property_street,
            "postal_code": row.property_postal_code,
            "city": row.property_city,
        },
        "point": {"point_code": row.point_code, "services": list(row.services)},
        "installations": [_installation(one, account, chunk, pricing) for one in installed],
        **pricing.prices,
        "chart": chunk.pictures[account.contract_id],
    }


def _installation(one: Installed, account: Account, chunk: Chunk, pricing: Pricing) -> Json:
    key = (account.contract_id, one.meter_id)
    return {
        "meter_id": one.meter_id,
        "manufacturer": one.manufacturer,
        "serial": one.serial,
        "digits": one.digits,
        "reads": dated_reads(
            one.meter_id,
            one.digits,
            account.period,
            pricing.settings.tz,
            chunk.boundaries.get(key, ()),
            chunk.exchange.get(key, ()),
            chunk.carried.get(key, {}),
        ),
    }


def _closings(document: Document, period: DateRange, snapshot: Json) -> list[Json]:
    """Return the billed-up-to mark of each meter at the period's end: what the next invoice opens with."""
    by_name = {meter_name(one): one for one in snapshot["installations"]}
    marks: dict[str, int] = {}
    for line in document.lines:
        if isinstance(line.trace, VolumeTrace) and line.period and line.period.end == period.end:
            for volume in line.trace.meters:
                if volume.closing.meter is not None:
                    marks[volume.closing.meter] = volume.billed_to_l
    return [
        {
            "meter_id": by_name[name]["meter_id"],
            "volume_ml": litres * ML_PER_L % (10 ** by_name[name]["digits"] * ML_PER_M3),
        }
        for name, litres in marks.items()
    ]
