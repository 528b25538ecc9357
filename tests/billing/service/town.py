"""A small town in the database, built in a few words."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import count
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine, text

from meterhub.access.principal import SYSTEM
from meterhub.billing import prices
from meterhub.billing.documents import loading
from meterhub.billing.runs import execution, life
from meterhub.billing.runs.schemas import RunRequest
from meterhub.settings import Settings

HELSINKI = ZoneInfo("Europe/Helsinki")
QUARTER = (date(2025, 1, 1), date(2025, 4, 1))
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
_numbers = count(1)
OTHER = replace(SYSTEM, name="chief")


def settings() -> Settings:
    return Settings(master_key="11" * 32)


def at(day: date, hour: int = 0, minute: int = 0, second: int = 0) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, second, tzinfo=HELSINKI)


@dataclass
class House:
    contract_id: int
    contract_no: str
    customer_no: str
    point_id: int
    meter_id: int


class Town:
    """Writes rows; every house has a customer, a property, a point, a meter and a contract."""

    def __init__(self, engine: Engine, tariff: str = "example-town") -> None:
        self.engine = engine
        with engine.begin() as connection:
            prices.import_tariff(connection, prices.shipped_tariff(tariff), "clerk")

    def house(
        self,
        *reads: tuple[datetime, str] | tuple[datetime, str, str],
        language: str = "fi",
        name: str = "Maija Mallinen",
        services: tuple[str, ...] = ("water", "wastewater"),
        valid: tuple[date | None, date | None] = (None, None),
        group: str = "quarterly",
    ) -> House:
        n = next(_numbers)
        with self.engine.begin() as connection:
            customer = _id(
                connection,
                "INSERT INTO customer (customer_no, name, street, postal_code, city, language) "
                "VALUES (:no, :name, 'Mallikatu 5 A 2', '04200', 'Kerava', :language) RETURNING id",
                no=f"C{n:05d}", name=name, language=language,
            )  # fmt: skip
            property_id = _id(
                connection,
                "INSERT INTO property (property_code, street, postal_code, city) "
                "VALUES (:code, 'Mallikatu 5', '04200', 'Kerava') RETURNING id",
                code=f"245-1-{n}",
            )
            point = _id(
                connection,
                "INSERT INTO metering_point (point_code, property_id, services) "
                "VALUES (:code, :property, :services) RETURNING id",
                code=f"MP-{n:05d}", property=property_id, services=list(services),
            )  # fmt: skip
            contract = _id(
                connection,
                "INSERT INTO contract (contract_no, customer_id, metering_point_id, valid, billing_group) "
                "VALUES (:no, :customer, :point, daterange(:start, :end), :group) RETURNING id",
                no=f"K{n:05d}", customer=customer, point=point, start=valid[0], end=valid[1], group=group,
            )  # fmt: skip
        house = House(contract, f"K{n:05d}", f"C{n:05d}", point, self.meter())
        self.install(house.meter_id, point, LONG_AGO)
        self.read(house.meter_id, *reads)
        return house

    def meter(self) -> int:
        with self.engine.begin() as connection:
            return _id(
                connection,
                "INSERT INTO meter (manufacturer, serial) VALUES ('KAM', :serial) RETURNING id",
                serial=f"{next(_numbers):08d}",
            )

    def install(self, meter_id: int, point_id: int, start: datetime, end: datetime | None = None) -> None:
        with self.engine.begin() as connection:
            connection.execute(
                text(
                    "INSERT INTO installation (meter_id, metering_point_id, valid) "
                    "VALUES (:meter, :point, tstzrange(:start, :end))"
                ),
                {"meter": meter_id, "point": point_id, "start": start, "end": end},
            )

    def remove(self, meter_id: int, end: datetime) -> None:
        self.execute(
            "UPDATE installation SET valid = tstzrange(lower(valid), :end) WHERE meter_id = :meter",
            end=end, meter=meter_id,
        )  # fmt: skip

    def read(self, meter_id: int, *reads: tuple[datetime, str] | tuple[datetime, str, str]) -> None:
        for when, volume_m3, *source in reads:
            self.execute(
                "INSERT INTO register_read (meter_id, at, volume_ml, source) "
                "VALUES (:meter, :at, (:m3)::numeric * 1000000, :source)",
                meter=meter_id, at=when, m3=volume_m3, source=source[0] if source else "amr",
            )  # fmt: skip

    def daily(self, meter_id: int, start: date, days: int, first_l: int, *, a_day_l: int) -> None:
        """Read a meter at every local midnight from a day to so many days later."""
        for n in range(days + 1):
            self.read(meter_id, (at(start + timedelta(days=n)), f"{first_l + n * a_day_l}e-3"))

    def execute(self, query: str, **values: object) -> None:
        with self.engine.begin() as connection:
            connection.execute(text(query), values)

    def scalar(self, query: str, **values: object) -> object:
        with self.engine.connect() as connection:
            return connection.execute(text(query), values).scalar()

    def rows(self, query: str, **values: object) -> list[tuple]:
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(query), values)]

    def start_run(self, **changes: object) -> int:
        with self.engine.begin() as connection:
            return life.start_run(connection, SYSTEM, request(**changes))

    def bill(self, **changes: object) -> int:
        run_id = self.start_run(**changes)
        self.carry(run_id)
        return run_id

    def carry(self, run_id: int) -> None:
        """Calculate a run and issue it."""
        execution.carry_out(self.engine, settings(), run_id)
        self.issue(run_id)

    def issue(self, run_id: int) -> None:
        """Let another person approve what is calculated, and issue it."""
        with self.engine.begin() as connection:
            life.approve(connection, OTHER, run_id)
            life.issue(connection, SYSTEM, run_id)
        execution.carry_out(self.engine, settings(), run_id)

    def invoice(self, house: House):
        number = self.scalar(
            "SELECT number FROM invoice WHERE contract_id = :id ORDER BY id DESC LIMIT 1", id=house.contract_id
        )
        with self.engine.connect() as connection:
            return loading.find_invoice(connection, number)


def request(**changes: object) -> RunRequest:
    values = {
        "billing_group": "quarterly",
        "period": QUARTER,
        "tariff": "example-town",
        "issued_on": date(2025, 4, 10),
    }
    return RunRequest.model_validate(values | changes)


def b1_house(town: Town, **options: object) -> House:
    """The house of worked bill B1: 42 m³ in the first quarter of 2025."""
    return town.house((at(date(2025, 1, 1)), "1000.000"), (at(date(2025, 4, 1)), "1042.000"), **options)


def _id(connection: Connection, query: str, **values: object) -> int:
    return connection.execute(text(query), values).scalar_one()
