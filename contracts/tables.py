"""Tables of Postgres and ClickHouse.

Postgres holds the shop's own table (schema ``shop``) and what Flink writes (schema ``live``); Debezium
replicates both to ClickHouse's database ``raw``, where the validated events and dead letters land as well.
"""

from dataclasses import dataclass
from typing import ClassVar

from contracts.events import DEAD_LETTER, FUNNEL_STEPS, PURCHASE_EVENT, SOURCE_POSITION, WEB_EVENT, WEB_EVENT_TYPES
from contracts.topics import CDC_PREFIX, PURCHASES, WEB
from contracts.types import Column, Type

RAW_DATABASE = "raw"
# dbt builds one database a layer; see dbt/macros/generate_schema_name.sql.
LAYER_DATABASES = ("staging", "intermediate", "marts")
MARTS_DATABASE = "marts"
# What the models write back to the warehouse.
ML_DATABASE = "ml"
# What the batch side says of itself.
OPS_DATABASE = "ops"

# What a replicated row carries besides its columns. Its version is the WAL position, never a clock.
VERSION = Column("_lsn", Type.BIGINT, "WAL position of the newest change.")
DELETED = Column("_deleted", Type.FLAG, "1 once the row was deleted.")
COMMITTED = Column("_committed_ms", Type.BIGINT, "When the change was committed in Postgres, milliseconds since 1970.")
# Set by ClickHouse when a row arrives; tells how fresh the data is.
INGESTED = "_ingested_at"


@dataclass(frozen=True)
class PostgresTable:
    """A table of the shop's database.

    ``guard``: a column that never decreases for one key. A write with a smaller value is an older state
    (a restart replays, an upsert has no version of its own) and leaves the row as it is.
    ``indexes``: columns beside the key by which the live dashboard looks for the newest rows.
    ``gathered``: Flink works on the changes of some seconds at once, so that events which change one row become one change of
    its state and one write.
    """

    schema: str
    name: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    doc: str
    guard: str = ""
    indexes: tuple[str, ...] = ()
    gathered: bool = False

    @property
    def qualified(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def topic(self) -> str:
        return f"{CDC_PREFIX}.{self.schema}.{self.name}"

    @property
    def replicated(self) -> tuple[Column, ...]:
        return tuple(column for column in self.columns if not column.pii)


CUSTOMERS = PostgresTable(
    "shop", "customers", ("customer_id",),
    (
        Column("customer_id", Type.TEXT, "The shop's id of the customer."),
        Column("name", Type.TEXT, "Full name.", pii=True),
        Column("email", Type.TEXT, "Address for mail.", pii=True),
        Column("city", Type.TEXT, "City.", pii=True),
        Column("birth_date", Type.DATE, "Date of birth.", nullable=True, pii=True),
        Column("country", Type.LABEL, "ISO 3166 alpha-2."),
        Column("channel", Type.LABEL, "What brought the registration."),
        Column("device", Type.LABEL, "Device at registration."),
        Column("registered_at", Type.TIMESTAMP, "When the account was opened."),
        Column("updated_at", Type.TIMESTAMP, "Last change by the shop."),
    ),
    "One row per registered customer: the shop's own table.",
)  # fmt: skip

EXPERIMENTS = PostgresTable(
    "shop", "experiments", ("experiment", "variant"),
    (
        Column("experiment", Type.TEXT, "Name of the experiment."),
        Column("variant", Type.LABEL, "Name of the variant; control is what others are compared with."),
        Column("bucket_from", Type.INTEGER, "First of its buckets, see contracts.experiments."),
        Column("bucket_to", Type.INTEGER, "Its buckets end before this one."),
        Column("started_at", Type.TIMESTAMP, "From when on customers see their variant."),
        Column("ended_at", Type.TIMESTAMP, "Until when; absent while it runs.", nullable=True),
    ),
    "One row per variant of an experiment that the shop runs or ran.",
)  # fmt: skip

SURVEYS = PostgresTable(
    "shop", "surveys", ("survey_id",),
    (
        Column("survey_id", Type.TEXT, "The shop's id of the answer."),
        Column("customer_id", Type.TEXT, "Who answered."),
        Column("answered_at", Type.TIMESTAMP, "When."),
        Column("score", Type.INTEGER, "How likely they would recommend the shop, 0 to 10 (NPS)."),
    ),
    "One row per answered survey.",
)  # fmt: skip

LIVE_PURCHASES = PostgresTable(
    "live", "purchases", ("purchase_id",),
    (
        *(column for column in PURCHASE_EVENT.fields if column.name not in ("event_id", "event_time", "schema_version")),
        Column("updated_at", Type.TIMESTAMP, "Event time of the newest state."),
    ),
    "One row per purchase, in its newest state by event time.",
    guard="updated_at",
    indexes=("updated_at",),
)  # fmt: skip

SESSIONS = PostgresTable(
    "live", "sessions", ("session_id",),
    (
        Column("session_id", Type.TEXT, "The client's session id."),
        Column("customer_id", Type.TEXT, "Who."),
        Column("started_at", Type.TIMESTAMP, "First event."),
        Column("last_event_at", Type.TIMESTAMP, "Newest event."),
        Column("events", Type.BIGINT, "Events of any type."),
        Column("views", Type.BIGINT, "Product views."),
        Column("carts", Type.BIGINT, "Additions to the cart."),
        Column("removals", Type.BIGINT, "Removals from the cart."),
        Column("checkouts", Type.BIGINT, "Checkouts begun."),
        Column("purchases", Type.BIGINT, "Purchases."),
        Column("funnel_step", Type.INTEGER, f"Deepest step reached: 0 none, then {', '.join(FUNNEL_STEPS)}."),
        Column("cart_value", Type.MONEY, "Value put in the cart less what was taken out, not below zero."),
        Column("abandoned_value", Type.MONEY, "cart_value where nothing was bought, else zero."),
        Column("device", Type.LABEL, "Kind of device."),
        Column("country", Type.LABEL, "ISO 3166 alpha-2, or unknown."),
        Column("channel", Type.LABEL, "What brought the visit, or unknown."),
    ),
    "One row per client session id, updated while it is open.",
    guard="events",
    indexes=("last_event_at",),
    gathered=True,
)  # fmt: skip

WEB_MINUTE_METRICS = PostgresTable(
    "live", "web_minute_metrics", ("minute_at", "event_type", "country", "device"),
    (
        Column("minute_at", Type.TIMESTAMP, "Start of the minute of event time."),
        Column("event_type", Type.LABEL, "Event type."),
        Column("country", Type.LABEL, "Country."),
        Column("device", Type.LABEL, "Device."),
        Column("events", Type.BIGINT, "Events."),
        Column("customers", Type.BIGINT, "Distinct customers."),
        Column("last_event_at", Type.TIMESTAMP, "Newest event counted."),
    ),
    "Minute × event type × country × device, the newest LIVE_RETENTION only.",
    guard="events",
)  # fmt: skip

PURCHASE_MINUTE_METRICS = PostgresTable(
    "live", "purchase_minute_metrics", ("minute_at", "country", "category"),
    (
        Column("minute_at", Type.TIMESTAMP, "Start of the minute of event time."),
        Column("country", Type.LABEL, "Country."),
        Column("category", Type.LABEL, "Category, or unknown."),
        Column("changes", Type.BIGINT, "Purchase events of any status."),
        Column("orders", Type.BIGINT, "Purchases placed."),
        Column("units", Type.BIGINT, "Units placed."),
        Column("gross", Type.MONEY, "Amount placed."),
        Column("discounts", Type.MONEY, "Discounts on what was placed."),
        Column("refunds", Type.MONEY, "Net value cancelled or returned in this minute."),
        Column("buyers", Type.BIGINT, "Distinct customers who placed."),
        Column("last_event_at", Type.TIMESTAMP, "Newest event counted."),
    ),
    "Minute × country × category, the newest LIVE_RETENTION only.",
    guard="changes",
)  # fmt: skip

CUSTOMER_DAYS = PostgresTable(
    "live", "customer_days", ("customer_id", "day"),
    (
        Column("customer_id", Type.TEXT, "Who."),
        Column("day", Type.DATE, "UTC day of event time."),
        Column("changes", Type.BIGINT, "Web events and purchase events of any type."),
        *(Column(f"{kind}_events", Type.BIGINT, f"Web events of type {kind}.") for kind in WEB_EVENT_TYPES),
        Column("orders", Type.BIGINT, "Purchases placed."),
        Column("value", Type.MONEY, "Net amount placed on the day less what was cancelled or returned on it."),
        Column("last_event_at", Type.TIMESTAMP, "Newest event of any kind."),
        Column("last_purchase_at", Type.TIMESTAMP, "Newest purchase placed.", nullable=True),
    ),
    "Customer × day, for scoring at the moment of asking; read through the view live.customer_activity.",
    guard="changes",
    gathered=True,
)  # fmt: skip
CUSTOMER_ACTIVITY = f"{CUSTOMER_DAYS.schema}.customer_activity"
# Days that customer_activity sums, today included.
ACTIVITY_DAYS = (1, 7, 30)

SHOP_TABLES = (CUSTOMERS, EXPERIMENTS, SURVEYS)
# What Flink writes; the days of customers serve Postgres alone.
LIVE_TABLES = (LIVE_PURCHASES, SESSIONS, WEB_MINUTE_METRICS, PURCHASE_MINUTE_METRICS, CUSTOMER_DAYS)
POSTGRES_TABLES = (*SHOP_TABLES, *LIVE_TABLES)
REPLICATED_TABLES = tuple(table for table in POSTGRES_TABLES if table is not CUSTOMER_DAYS)
RETAINED_TABLES = (WEB_MINUTE_METRICS, PURCHASE_MINUTE_METRICS)


@dataclass(frozen=True)
class ClickHouseTable:
    """A table whose rows replace themselves: of one ``key`` the newest counts; read with FINAL.

    A replicated row carries VERSION, DELETED and COMMITTED as well.
    """

    database: ClassVar[str]
    name: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    doc: str
    replicated: bool = False
    partition_by: str = ""

    @property
    def qualified(self) -> str:
        return f"{self.database}.{self.name}"


@dataclass(frozen=True, kw_only=True)
class RawTable(ClickHouseTable):
    """The table that the records of ``topics`` arrive in; one that is redelivered replaces itself."""

    database = RAW_DATABASE
    topics: tuple[str, ...]


def _replica(table: PostgresTable) -> RawTable:
    doc = f"Replica of {table.qualified}. {table.doc}"
    return RawTable(table.name, table.key, table.replicated, doc, replicated=True, topics=(table.topic,))


RAW_WEB_EVENTS = RawTable(
    "web_events", ("customer_id", "event_time", "event_id"), (*WEB_EVENT.fields, *SOURCE_POSITION),
    "One row per valid web event.", partition_by="toYear(event_time)", topics=(WEB.validated,),
)  # fmt: skip
RAW_PURCHASE_EVENTS = RawTable(
    "purchase_events", ("customer_id", "purchase_id", "event_time", "event_id"), (*PURCHASE_EVENT.fields, *SOURCE_POSITION),
    "One row per valid change of state of a purchase.", partition_by="toYear(event_time)", topics=(PURCHASES.validated,),
)  # fmt: skip
RAW_DEAD_LETTERS = RawTable(
    "dead_letters", ("stream", "source_topic", "source_partition", "source_offset"), DEAD_LETTER.fields,
    "One row per record set aside.", topics=(WEB.dead_letters, PURCHASES.dead_letters),
)  # fmt: skip

# Where the accepted events of a stream are.
ACCEPTED = {WEB: RAW_WEB_EVENTS, PURCHASES: RAW_PURCHASE_EVENTS}
EVENT_TABLES = (RAW_WEB_EVENTS, RAW_PURCHASE_EVENTS, RAW_DEAD_LETTERS)
RAW_TABLES = (*EVENT_TABLES, *(_replica(table) for table in REPLICATED_TABLES))
