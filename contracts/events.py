"""The two event streams: their fields, and what makes a record invalid.

An event is a JSON object in UTF-8; its Kafka key is the customer id.
``event_time`` is ISO 8601 in UTC with milliseconds, for example ``2026-01-31T08:05:13.123Z``.
"""

from dataclasses import dataclass
from enum import StrEnum

from contracts.types import Column, Type

SCHEMA_VERSION = 1

# Deepest step reached in a session, in this order; other event types do not move a session along.
FUNNEL_STEPS = ("view", "cart", "checkout", "purchase")
WEB_EVENT_TYPES = (
    "landing", "list", "search", "view", "cart", "remove_from_cart", "checkout", "payment", "purchase",
)  # fmt: skip
PURCHASE_STATUSES = ("placed", "paid", "shipped", "delivered", "cancelled", "returned")
# A purchase in one of these states brought no revenue: its net value is refunded.
REFUNDED_STATUSES = ("cancelled", "returned")
DEVICES = ("desktop", "mobile", "tablet", "unknown")
UNKNOWN = "unknown"
CURRENCY = "EUR"

# An event dated before this, or further ahead of now than the setting CLOCK_TOLERANCE_HOURS, has no believable time.
EARLIEST_EVENT_TIME = "1980-01-01T00:00:00.000Z"
MAX_EVENT_BYTES = 16_384
# Postgres takes keys of up to 2,704 bytes in an index: two texts of four bytes a character fit.
MAX_TEXT_CHARACTERS = 255


class Reason(StrEnum):
    """Why a record is in a dead-letter topic. The first that applies, in this order."""

    NULL_VALUE = "null_value"
    OVERSIZED = "oversized"
    MALFORMED_JSON = "malformed_json"
    NULL_KEY = "null_key"
    UNKNOWN_SCHEMA_VERSION = "unknown_schema_version"
    MISSING_FIELD = "missing_field"
    KEY_MISMATCH = "key_mismatch"
    UNKNOWN_TYPE = "unknown_type"
    WRONG_TYPE = "wrong_type"
    BAD_TIME = "bad_time"
    OUT_OF_RANGE = "out_of_range"
    UNREADABLE_LINE = "unreadable_line"  # replay: a line of the file that makes no event


@dataclass(frozen=True)
class Event:
    """A stream: its fields in order, the field whose values name the kind of event, and pairs of fields of which the first is
    never above the second."""

    name: str
    kind: str
    fields: tuple[Column, ...]
    ascending: tuple[tuple[str, str], ...] = ()


WEB_EVENT = Event(
    name="web_event",
    kind="event_type",
    fields=(
        Column("event_id", Type.TEXT, "Identity: a second record with the same id is a duplicate."),
        Column("event_time", Type.TIMESTAMP, "When it happened, UTC, milliseconds."),
        Column("schema_version", Type.INTEGER, "Version of this contract."),
        Column("event_type", Type.LABEL, "What the customer did.", allowed=WEB_EVENT_TYPES),
        Column("customer_id", Type.TEXT, "Who; also the Kafka key."),
        Column("session_id", Type.TEXT, "The client's own session id.", nullable=True),
        Column("product_id", Type.TEXT, "Product concerned, if any.", nullable=True),
        Column("category", Type.LABEL, "Category of the product.", nullable=True),
        Column("brand", Type.LABEL, "Brand of the product.", nullable=True),
        Column("price", Type.MONEY, "Unit price shown.", nullable=True, minimum=0, maximum=1_000_000),
        Column(
            "quantity",
            Type.INTEGER,
            "Units put in or taken out of the cart; absent means 1.",
            nullable=True,
            minimum=1,
            maximum=10_000,
        ),
        Column("device", Type.LABEL, "Kind of device.", allowed=DEVICES),
        Column("country", Type.LABEL, "ISO 3166 alpha-2, or unknown."),
        Column("channel", Type.LABEL, "What brought the visit: organic, paid, email, …, or unknown."),
    ),
)

PURCHASE_EVENT = Event(
    name="purchase_event",
    kind="status",
    fields=(
        Column("event_id", Type.TEXT, "Identity of this change of state."),
        Column("event_time", Type.TIMESTAMP, "When the purchase came into this state, UTC, milliseconds."),
        Column("schema_version", Type.INTEGER, "Version of this contract."),
        Column("purchase_id", Type.TEXT, "The purchase: one line of one order."),
        Column("customer_id", Type.TEXT, "Who; also the Kafka key. May be absent from the shop's customers."),
        Column("session_id", Type.TEXT, "Session it came out of, if known.", nullable=True),
        Column("status", Type.LABEL, "State of the purchase.", allowed=PURCHASE_STATUSES),
        Column("purchased_at", Type.TIMESTAMP, "When it was placed; the same in every state."),
        Column("product_id", Type.TEXT, "Product bought, if known.", nullable=True),
        Column("category", Type.LABEL, "Category of the product.", nullable=True),
        Column("brand", Type.LABEL, "Brand of the product.", nullable=True),
        Column("quantity", Type.INTEGER, "Units.", minimum=1, maximum=1_000_000),
        Column("amount", Type.MONEY, "Gross value of the line, all units, before discount.", minimum=0, maximum=100_000_000),
        Column("discount", Type.MONEY, "Part of the amount that was not charged.", minimum=0, maximum=100_000_000),
        Column("currency", Type.LABEL, "ISO 4217: what all money is in, since sums are taken.", allowed=(CURRENCY,)),
        Column("device", Type.LABEL, "Kind of device.", allowed=DEVICES),
        Column("country", Type.LABEL, "ISO 3166 alpha-2, or unknown."),
        Column("channel", Type.LABEL, "What brought the visit, or unknown."),
    ),
    ascending=(("discount", "amount"),),
)

# Where a validated record or a dead letter came from: Kafka's own coordinates. A record that is tried again keeps those it
# had first, in headers of these names.
SOURCE_POSITION = (
    Column("source_partition", Type.INTEGER, "Partition of the source topic (0 for a replayed file)."),
    Column("source_offset", Type.BIGINT, "Offset in that partition (line number for a replayed file)."),
)

DEAD_LETTER = Event(
    name="dead_letter",
    kind="reason",
    fields=(
        Column("reason", Type.LABEL, "A Reason.", allowed=tuple(Reason)),
        Column("message", Type.TEXT, "What is wrong, naming the field where there is one."),
        Column("raw_value", Type.TEXT, "The record's bytes, base64.", nullable=True),
        Column("raw_key", Type.TEXT, "The key's bytes, base64.", nullable=True),
        Column("stream", Type.LABEL, "Kind of event it was meant to be."),
        Column("source_topic", Type.LABEL, "Topic it was read from, or the name of the replayed file."),
        *SOURCE_POSITION,
        Column("dead_at", Type.TIMESTAMP, "When it was set aside."),
    ),
)
