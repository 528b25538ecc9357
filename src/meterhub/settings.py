"""One typed settings object, from the environment and an optional TOML file (`METERHUB_CONFIG`).

Every name can be given as an environment variable `METERHUB_<NAME>` (nested with two underscores), the
database also as `DATABASE_URL`. Secrets can be files, as containers and systemd credentials give them.
"""

import os
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Literal
from urllib.parse import quote, urlsplit
from zoneinfo import ZoneInfo

from pydantic import AliasChoices, BaseModel, Field, SecretStr
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from meterhub.errors import NotConfigured
from meterhub.kit.secret_command import secret_of

MASTER_KEY_SIZE = 32  # AES-256


class Utility(BaseModel):
    """The water utility: seller on every invoice."""

    name: str = "Example Water Utility"
    business_id: str = "0201256-6"
    street: str = "Vesikuja 1"
    postal_code: str = "00100"
    city: str = "Mallila"
    email: str = "laskutus@example.org"
    phone: str = "+358 9 000 0000"
    iban: str = "FI2112345600000785"
    bic: str = "NDEAFIHH"
    # Empty ones follow from the business id (VAT identifier, electronic address) and the BIC (operator).
    vat_id: str = ""
    einvoice_address: str = ""
    einvoice_operator: str = ""
    # Norwegian companies of limited liability state Foretaksregisteret on e-invoices.
    limited_company: bool = False


class Delivery(BaseModel):
    """How documents leave: the folder for printers and operators, and the mail server."""

    outbox_dir: Path | None = None
    smtp_host: str = ""
    smtp_port: int = Field(default=587, ge=1, le=65535)
    smtp_security: Literal["starttls", "tls", "none"] = "starttls"
    smtp_user: str = ""
    smtp_password: SecretStr | None = None
    smtp_password_file: Path | None = None
    email_from: str = ""


class Retention(BaseModel):
    """How long large tables are kept; whole months are dropped once their last day is that old.

    Nothing is dropped until `enforce` is set: `meterhub store expire` says what would go.
    """

    enforce: bool = False
    raw_frame_days: int = Field(default=90, ge=1)
    amr_read_months: int = Field(default=24, ge=1)
    other_read_months: int = Field(default=84, ge=1)
    hourly_months: int = Field(default=24, ge=1)
    daily_months: int = Field(default=36, ge=1)


class Receivables(BaseModel):
    """Rules of money owed and paid; amounts are in the installation's currency."""

    accounts: list[str] = Field(default=[], description="IBANs besides the utility's that payments may come to.")
    write_off_limit: Decimal = Field(default=Decimal(10), ge=0)
    refund_minimum: Decimal = Field(default=Decimal(5), ge=0)


class Accounting(BaseModel):
    """The chart of accounts that exports use; VAT accounts by rate, sales accounts by component.

    A component's account is the one given here, else its price list's, else `sales`.
    """

    receivables: str = "1700"
    bank: str = "1910"
    unallocated: str = "2890"
    refunds: str = "2870"
    sales: str = "3000"
    components: dict[str, str] = Field(default_factory=dict)
    vat: dict[str, str] = Field(default_factory=dict)
    vat_other: str = "2930"
    fees: str = "3900"
    write_offs: str = "8690"
    rounding: str = "8590"
    opening: str = "2999"


class Settings(BaseSettings):
    """How one installation runs."""

    model_config = SettingsConfigDict(
        env_prefix="METERHUB_", env_nested_delimiter="__", extra="forbid", populate_by_name=True
    )

    mode: Literal["development", "production"] = "development"
    database_url: SecretStr | None = Field(
        default=None, validation_alias=AliasChoices("DATABASE_URL", "METERHUB_DATABASE_URL")
    )
    database_password_file: Path | None = None
    master_key: SecretStr | None = None
    master_key_file: Path | None = None
    master_key_command: SecretStr | None = None
    master_key_command_timeout_s: float = Field(default=30, gt=0, le=600)
    previous_master_key: SecretStr | None = None
    previous_master_key_file: Path | None = None
    metrics_token: SecretStr | None = None
    metrics_token_file: Path | None = None
    data_dir: Path | None = None
    country: Literal["FI", "NO"] = "FI"
    currency: str = "EUR"
    zone: str = "Europe/Helsinki"
    dedupe_window_s: int = Field(default=30, ge=1, le=3600)
    max_batch: int = Field(default=10_000, ge=1, le=10_000)
    max_body_mb: int = Field(default=32, ge=1)
    session_hours: int = Field(default=12, ge=1)
    secure_cookies: bool = True
    utility: Utility = Field(default_factory=Utility)
    retention: Retention = Field(default_factory=Retention)
    delivery: Delivery = Field(default_factory=Delivery)
    receivables: Receivables = Field(default_factory=Receivables)
    accounting: Accounting = Field(default_factory=Accounting)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments win over the environment, the environment over the file."""
        config = os.environ.get("METERHUB_CONFIG")
        toml = TomlConfigSettingsSource(settings_cls, toml_file=config) if config else None
        return (init_settings, env_settings, *([toml] if toml else []))

    @property
    def tz(self) -> ZoneInfo:
        """The utility's zone, in which days are counted and bills are cut."""
        return ZoneInfo(self.zone)

    def require_database_url(self) -> str:
        """Return the URL of the database, or say how to give one."""
        if self.database_url is None:
            raise NotConfigured(
                "no database is named: set DATABASE_URL, for example postgresql://user:password@host/meterhub"
            )
        url = self.database_url.get_secret_value()
        if self.database_password_file is None:
            return url
        try:
            password = self.database_password_file.read_text().strip()
        except OSError as error:
            raise NotConfigured(f"the database password file cannot be read: {error}") from None
        parts = urlsplit(url)
        user, _, host = parts.netloc.rpartition("@")
        return parts._replace(netloc=f"{user.partition(':')[0]}:{quote(password, safe='')}@{host}").geturl()

    def monitoring_token(self) -> str:
        """Return the token by which monitoring reads `/metrics`; empty if none is set."""
        if self.metrics_token:
            return self.metrics_token.get_secret_value()
        return _secret_file(self.metrics_token_file, "metrics token") if self.metrics_token_file else ""

    def require_master_key(self) -> bytes:
        """Return the 32 bytes under which meter keys are sealed, or say how to give them.

        The file is read at each call, so that a new one needs no restart; the command is run once.
        """
        text = self.master_key.get_secret_value() if self.master_key else ""
        where = "METERHUB_MASTER_KEY"
        if not text and self.master_key_file:
            where = str(self.master_key_file)
            text = _secret_file(self.master_key_file)
        if not text and self.master_key_command:
            where = "METERHUB_MASTER_KEY_COMMAND"
            try:
                text = secret_of(self.master_key_command.get_secret_value(), self.master_key_command_timeout_s)
            except ValueError as error:
                raise NotConfigured(f"no master key from {where}: {error}") from None
        if not text:
            raise NotConfigured(
                "no master key: set METERHUB_MASTER_KEY_FILE to a file with 64 hex digits, "
                "made for example by: openssl rand -hex 32"
            )
        return parse_master_key(text, where)

    def require_master_keys(self) -> tuple[bytes, ...]:
        """Return all master keys that open meter keys: the one that seals first, then previous ones."""
        previous = self.previous_master_key.get_secret_value() if self.previous_master_key else ""
        where = "METERHUB_PREVIOUS_MASTER_KEY"
        if not previous and self.previous_master_key_file:
            where = str(self.previous_master_key_file)
            previous = _secret_file(self.previous_master_key_file)
        keys = [self.require_master_key(), *(parse_master_key(line, where) for line in previous.split())]
        return tuple(dict.fromkeys(keys))


def parse_master_key(text: str, where: str) -> bytes:
    """Return the 32 bytes of a master key; the error says where it is from and does not repeat it."""
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != MASTER_KEY_SIZE:
        raise NotConfigured(f"the master key from {where} is not {2 * MASTER_KEY_SIZE} hex digits")
    return key


def _secret_file(path: Path, what: str = "master key") -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError as error:
        raise NotConfigured(f"the {what} file {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise NotConfigured(f"the {what} file {path} is not plain text") from None


@lru_cache
def get_settings() -> Settings:
    """Return the settings of this process, read once."""
    return Settings()
