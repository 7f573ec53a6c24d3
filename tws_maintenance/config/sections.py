"""The sections of the settings: every key with its default, its bounds and what it means.

What belongs here: what a value may be. What does not: where it is read from, which is
`tws_maintenance.config.settings`'.
"""

import re
from ipaddress import ip_address
from typing import Any, Literal, Self, get_args
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from tws_maintenance.config.events_service import FAIL_STALE, EventsService
from tws_maintenance.config.indices import DEFAULT_MAX_SYMBOLS
from tws_maintenance.config.ticker_changes import ticker_change

LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "::1")
# Longer than anything is kept; a limit beyond it would lie before the first of all dates.
HUNDRED_YEARS = 36500.0


class _Section(BaseModel):
    # An infinite threshold would be a rule that is silently off.
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


_ASKED = "`sources` lists the sources that vote, `quorum` how many of them must agree"
_REPLACED = {
    "membership": _ASKED,
    "corroboration": _ASKED,
    "warn_disagreement": "a source that differs by more than `fail_disagreement` is set aside",
}


class IndexSettings(_Section):
    """Thresholds of one index; shares are fractions of the rows before (0.10 is 10 %).

    Shares are at most 1: a 25 that was meant as a percentage would switch its rule off. `sources`
    are asked in their order, and `quorum` of them must agree on a member. Where `sources`,
    `quorum`, `min_rows` or `max_rows` are not set, the index's own declaration holds. `renamed` are
    changes of ticker that `history --backfill` needs beside those it knows.
    """

    enabled: bool | None = Field(
        default=None, description="for optional indices only; see `indices`"
    )
    sources: tuple[str, ...] = ()
    quorum: int | None = Field(default=None, ge=1)
    min_rows: int | None = Field(default=None, ge=1)
    max_rows: int | None = Field(default=None, ge=1)
    warn_change: float = Field(default=0.10, ge=0, le=1)
    fail_change: float = Field(default=0.25, ge=0, le=1)
    warn_turnover: float = Field(default=0.10, ge=0, le=1)
    fail_turnover: float = Field(default=0.25, ge=0, le=1)
    warn_names: float = Field(default=0.10, ge=0, le=1)
    fail_names: float = Field(default=0.50, ge=0, le=1)
    warn_dropped: float = Field(default=0.0, ge=0, le=1)
    fail_dropped: float = Field(default=0.02, ge=0, le=1)
    fail_disagreement: float = Field(default=0.10, ge=0, le=1)
    max_source_age_days: float = Field(default=10.0, gt=0, le=HUNDRED_YEARS)
    max_age_days: float = Field(default=3.0, gt=0, le=HUNDRED_YEARS)
    renamed: tuple[str, ...] = ()

    @field_validator("renamed")
    @classmethod
    def _is_changes_of_ticker(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            ticker_change(text)
        return value

    @model_validator(mode="before")
    @classmethod
    def _has_no_key_of_before_the_vote(cls, value: Any) -> Any:
        for key, instead in _REPLACED.items():
            if isinstance(value, dict) and key in value:
                raise ValueError(f"the setting {key} no longer exists: {instead}")
        return value

    @model_validator(mode="after")
    def _warn_comes_before_fail(self) -> Self:
        for rule in ("change", "turnover", "names", "dropped"):
            if getattr(self, f"warn_{rule}") > getattr(self, f"fail_{rule}"):
                raise ValueError(f"warn_{rule} must not be larger than fail_{rule}")
        return self


class ProposalSettings(_Section):
    """How long a proposal may wait before it is too old to promote."""

    max_age_hours: float = Field(default=24.0, gt=0)


class HttpSettings(_Section):
    """How often and how long the sources are asked. Times are seconds."""

    contact: str = Field(
        default="https://pypi.org/project/tws-maintenance/",
        min_length=1,
        pattern=r"^[ -~]+$",  # what an HTTP header can carry
        description="an address or page in the User-Agent, so that a source can reach the operator",
    )
    wikipedia_url: str = "https://en.wikipedia.org"
    hang_seng_url: str = "https://www.hsi.com.hk"
    ssga_url: str = "https://www.ssga.com"
    ishares_url: str = "https://www.ishares.com"
    blackrock_url: str = "https://www.blackrock.com"
    hsbc_url: str = "https://rbwm-api.hsbc.com.hk"
    federal_reserve_url: str = "https://www.federalreserve.gov"
    yahoo_url: str = "https://query2.finance.yahoo.com"
    connect_timeout: float = Field(default=5.0, gt=0, le=60)
    read_timeout: float = Field(default=12.0, gt=0, le=60)
    attempts: int = Field(default=3, ge=1, le=10)
    backoff: float = Field(default=0.5, ge=0, le=30)
    retry_after_limit: float = Field(default=10.0, ge=0, le=60)
    deadline: float = Field(default=45.0, gt=0, le=90, description="for all sources of one index")
    max_megabytes: float = Field(default=20.0, gt=0, le=20)

    @field_validator(
        *("wikipedia_url", "hang_seng_url", "ssga_url", "ishares_url", "blackrock_url", "hsbc_url"),
        *("federal_reserve_url", "yahoo_url"),
    )
    @classmethod
    def _is_https_or_loopback(cls, value: str) -> str:
        return _origin(value, "https://en.wikipedia.org")


class EventSettings(_Section):
    """Which symbols' events are kept, by whom and where, and how many requests Yahoo may get.

    `service` is who keeps them: the robot's own service, the default where `[robot] url` is set,
    or ours, embedded.
    `positions` are the symbols held, `strategies` those that active strategies trade, by the
    strategy's name or without. `deadline` is in seconds, for all providers of one run.
    `fail_stale` is the share of a provider's future events that one answer may withdraw.
    """

    service: EventsService | None = None
    database_url: str = ""
    positions: tuple[str, ...] = ()
    strategies: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    max_symbols: int = Field(default=DEFAULT_MAX_SYMBOLS, ge=1)
    max_age_days: float = Field(default=3.0, gt=0, le=HUNDRED_YEARS)
    fail_stale: float = Field(default=FAIL_STALE, ge=0, le=1)
    max_requests: int = Field(default=1000, ge=1, description="to Yahoo, in one run")
    threads: int = Field(default=16, ge=1, le=16)
    deadline: float = Field(default=60.0, gt=0, le=90)

    @field_validator("strategies", mode="before")
    @classmethod
    def _may_be_a_list(cls, value: Any) -> Any:
        return {"": value} if isinstance(value, (list, tuple)) else value

    @field_validator("database_url")
    @classmethod
    def _is_a_known_database(cls, value: str) -> str:
        return _database_url(value)


class RobotSettings(_Section):
    """Where the trading robot's own pages are, and how patiently it is asked.

    Without a `url` there is no robot to ask. The password comes from the environment only.
    `timeout` is for one answer, `refresh_seconds` for a whole refresh of its events. A process that
    asks often keeps the robot's portfolio for `cache_minutes`.
    """

    url: str = ""
    username: str = Field(default="admin", min_length=1)
    password: SecretStr | None = Field(default=None, min_length=1)
    timeout: float = Field(default=5.0, gt=0, le=30)
    refresh_seconds: float = Field(default=75.0, gt=0, le=90)
    cache_minutes: float = Field(default=5.0, gt=0, le=60)

    @field_validator("url")
    @classmethod
    def _is_https_or_loopback(cls, value: str) -> str:
        return _origin(value, "http://127.0.0.1:5000") if value else value


class LockSettings(_Section):
    """How long a run waits, in seconds, for another run that is promoting the same index."""

    wait: float = Field(default=20.0, ge=0, le=60)


class RetentionSettings(_Section):
    """What the job `clean_up` removes, and for backups also `backups prune`; never reports.

    A backup goes once it is beyond both of its limits, the newest never; the rest goes by its age
    in days.
    """

    backups_keep: int = Field(default=30, ge=1)
    backups_max_age_days: float = Field(default=90.0, ge=0, le=HUNDRED_YEARS)
    raw_days: float = Field(default=30.0, ge=1, le=HUNDRED_YEARS)
    proposals_days: float = Field(default=90.0, ge=1, le=HUNDRED_YEARS)
    runs_days: float = Field(default=90.0, ge=1, le=HUNDRED_YEARS)
    logs_days: float = Field(default=30.0, ge=1, le=HUNDRED_YEARS)


class StorageSettings(_Section):
    """Where Dagster keeps its runs, and the events with them: PostgreSQL, or files in the home."""

    database_url: str = ""

    @field_validator("database_url")
    @classmethod
    def _is_postgresql(cls, value: str) -> str:
        if value and not value.startswith(("postgresql:", "postgres:", "postgresql+psycopg2:")):
            raise ValueError("must begin with postgresql://")
        return _database_url(value)


class AutomationSettings(_Section):
    """What schedules and sensors may start by themselves, once an operator switched them on.

    `retry_hours` is how long after an attempt the next one may come. `auto_apply` lets a dry run
    that passed every check without warnings be promoted unread, up to `auto_apply_max_turnover`, a
    share of the rows before.
    """

    retry_hours: float = Field(default=6.0, gt=0, le=168)
    auto_apply: bool = False
    auto_apply_max_turnover: float = Field(default=0.02, ge=0, le=0.10)


NoticeKind = Literal[
    "failed", "broken", "stale", "event_moved", "index_change", "drifted", "waiting"
]


class NoticeSettings(_Section):
    """Which incidents are sent, and where: by mail, to a webhook, into a file. Off unless set.

    The password and the webhook's address, which is a secret itself, come from the environment
    only. Incidents that need more than `..._max_characters` come in several messages; the
    webhook's default is what Discord takes.
    """

    kinds: tuple[NoticeKind, ...] = get_args(NoticeKind)
    file: bool = False
    smtp_host: str = ""
    smtp_port: int = Field(default=587, ge=1, le=65535)
    smtp_security: Literal["starttls", "tls", "none"] = "starttls"
    smtp_user: str = ""
    smtp_password: SecretStr | None = None
    sender: str = ""
    recipients: tuple[str, ...] = ()
    mail_max_characters: int = Field(default=100_000, ge=1000)
    webhook_url: SecretStr | None = None
    webhook_max_characters: int = Field(default=2000, ge=1000)

    @field_validator("sender", "smtp_user")
    @classmethod
    def _is_one_line(cls, value: str) -> str:
        if any(not character.isprintable() for character in value):
            raise ValueError("must be one line of plain text")
        return value

    @field_validator("recipients")
    @classmethod
    def _are_addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for one in value:
            if not (one.isprintable() and re.fullmatch(r"[^@\s,<>]+@[^@\s,<>]+", one)):
                raise ValueError(f"{one!r} is not a mail address")
        return value

    @field_validator("webhook_url")
    @classmethod
    def _is_a_webhook(cls, value: SecretStr | None) -> SecretStr | None:
        parts = urlsplit(value.get_secret_value()) if value else None
        if parts and not (
            parts.hostname
            and (
                parts.scheme == "https"
                or (parts.scheme == "http" and parts.hostname in LOOPBACK_HOSTS)
            )
        ):
            raise ValueError("must be https (plain http is allowed for this machine only)")
        return value

    @model_validator(mode="after")
    def _mail_can_be_sent(self) -> Self:
        if not self.smtp_host:
            return self
        if not (self.sender and self.recipients):
            raise ValueError("smtp_host needs sender and recipients as well")
        is_plain = self.smtp_security == "none" and self.smtp_host not in LOOPBACK_HOSTS
        if self.smtp_user and is_plain:
            raise ValueError("smtp_security none with smtp_user is allowed for this machine only")
        return self


class ConsoleSettings(_Section):
    """Where the console listens, and where it sends people for Dagster's own pages.

    The password comes from the environment only; any address but this machine's demands it.
    `allowed_hosts` are further names under which browsers reach the console, `trusted_proxy` the
    address of a reverse proxy that speaks https with them.
    """

    host: str = Field(default="127.0.0.1", min_length=1)
    port: int = Field(default=5080, ge=1, le=65535)
    dagster_url: str = "http://127.0.0.1:3000"
    allowed_hosts: tuple[str, ...] = ()
    trusted_proxy: str | None = None
    password: SecretStr | None = Field(default=None, min_length=8)

    @field_validator("trusted_proxy")
    @classmethod
    def _is_one_address(cls, value: str | None) -> str | None:
        # A name, or the `*` that waitress accepts, would trust any caller.
        return None if value is None else str(ip_address(value))

    @field_validator("dagster_url")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("must be an address such as http://127.0.0.1:3000")
        return value.rstrip("/")

    def placed(
        self, host: str | None = None, port: int | None = None, dagster_url: str | None = None
    ) -> Self:
        """Return these settings, with the options of a command line in their place."""
        named = {"host": host, "port": port, "dagster_url": dagster_url}
        return self.model_copy(update={key: one for key, one in named.items() if one is not None})


def _database_url(value: str) -> str:
    scheme = value.split(":", maxsplit=1)[0].split("+", maxsplit=1)[0]
    if value and scheme not in {"postgresql", "postgres", "sqlite"}:
        # Not shown whole: it may hold a password.
        raise ValueError(f"must begin with postgresql:// or sqlite:///, not {scheme[:20]}:")
    if scheme.startswith("postgres") and value.count("@") > 1:
        raise ValueError("holds more than one @: in the password write %40 for @ and %2F for /")
    return value


def _origin(value: str, example: str) -> str:
    """Return `value` as an origin; plain http only on this machine, so nobody can listen in."""
    parts = urlsplit(value)
    beside = (parts.path.strip("/"), parts.query, parts.fragment, parts.username)
    if not parts.hostname or parts.port == 0 or any(beside):  # a bad port raises ValueError
        raise ValueError(f"must be an origin such as {example}")
    is_here = parts.scheme == "http" and parts.hostname in LOOPBACK_HOSTS
    if parts.scheme != "https" and not is_here:
        raise ValueError("must be https (plain http is allowed for this machine only)")
    return value.rstrip("/")
