CREATE TABLE IF NOT EXISTS raw.web_events (
  event_id String COMMENT 'Identity: a second record with the same id is a duplicate.',
  event_time DateTime64(3, 'UTC') COMMENT 'When it happened, UTC, milliseconds.',
  schema_version Int32 COMMENT 'Version of this contract.',
  event_type LowCardinality(String) COMMENT 'What the customer did.',
  customer_id String COMMENT 'Who; also the Kafka key.',
  session_id Nullable(String) COMMENT 'The client\'s own session id.',
  product_id Nullable(String) COMMENT 'Product concerned, if any.',
  category LowCardinality(Nullable(String)) COMMENT 'Category of the product.',
  brand LowCardinality(Nullable(String)) COMMENT 'Brand of the product.',
  price Nullable(Decimal(18, 4)) COMMENT 'Unit price shown.',
  quantity Nullable(Int32) COMMENT 'Units put in or taken out of the cart; absent means 1.',
  device LowCardinality(String) COMMENT 'Kind of device.',
  country LowCardinality(String) COMMENT 'ISO 3166 alpha-2, or unknown.',
  channel LowCardinality(String) COMMENT 'What brought the visit: organic, paid, email, …, or unknown.',
  source_partition Int32 COMMENT 'Partition of the source topic (0 for a replayed file).',
  source_offset Int64 COMMENT 'Offset in that partition (line number for a replayed file).',
  _ingested_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When ClickHouse took the row.'
)
ENGINE = ReplacingMergeTree
PARTITION BY toYear(event_time)
ORDER BY (customer_id, event_time, event_id)
COMMENT 'One row per valid web event.';

CREATE TABLE IF NOT EXISTS raw.purchase_events (
  event_id String COMMENT 'Identity of this change of state.',
  event_time DateTime64(3, 'UTC') COMMENT 'When the purchase came into this state, UTC, milliseconds.',
  schema_version Int32 COMMENT 'Version of this contract.',
  purchase_id String COMMENT 'The purchase: one line of one order.',
  customer_id String COMMENT 'Who; also the Kafka key. May be absent from the shop\'s customers.',
  session_id Nullable(String) COMMENT 'Session it came out of, if known.',
  status LowCardinality(String) COMMENT 'State of the purchase.',
  purchased_at DateTime64(3, 'UTC') COMMENT 'When it was placed; the same in every state.',
  product_id Nullable(String) COMMENT 'Product bought, if known.',
  category LowCardinality(Nullable(String)) COMMENT 'Category of the product.',
  brand LowCardinality(Nullable(String)) COMMENT 'Brand of the product.',
  quantity Int32 COMMENT 'Units.',
  amount Decimal(18, 4) COMMENT 'Gross value of the line, all units, before discount.',
  discount Decimal(18, 4) COMMENT 'Part of the amount that was not charged.',
  currency LowCardinality(String) COMMENT 'ISO 4217: what all money is in, since sums are taken.',
  device LowCardinality(String) COMMENT 'Kind of device.',
  country LowCardinality(String) COMMENT 'ISO 3166 alpha-2, or unknown.',
  channel LowCardinality(String) COMMENT 'What brought the visit, or unknown.',
  source_partition Int32 COMMENT 'Partition of the source topic (0 for a replayed file).',
  source_offset Int64 COMMENT 'Offset in that partition (line number for a replayed file).',
  _ingested_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When ClickHouse took the row.'
)
ENGINE = ReplacingMergeTree
PARTITION BY toYear(event_time)
ORDER BY (customer_id, purchase_id, event_time, event_id)
COMMENT 'One row per valid change of state of a purchase.';

CREATE TABLE IF NOT EXISTS raw.dead_letters (
  reason LowCardinality(String) COMMENT 'A Reason.',
  message String COMMENT 'What is wrong, naming the field where there is one.',
  raw_value Nullable(String) COMMENT 'The record\'s bytes, base64.',
  raw_key Nullable(String) COMMENT 'The key\'s bytes, base64.',
  stream LowCardinality(String) COMMENT 'Kind of event it was meant to be.',
  source_topic LowCardinality(String) COMMENT 'Topic it was read from, or the name of the replayed file.',
  source_partition Int32 COMMENT 'Partition of the source topic (0 for a replayed file).',
  source_offset Int64 COMMENT 'Offset in that partition (line number for a replayed file).',
  dead_at DateTime64(3, 'UTC') COMMENT 'When it was set aside.',
  _ingested_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When ClickHouse took the row.'
)
ENGINE = ReplacingMergeTree
ORDER BY (stream, source_topic, source_partition, source_offset)
COMMENT 'One row per record set aside.';

CREATE TABLE IF NOT EXISTS raw.customers (
  customer_id String COMMENT 'The shop\'s id of the customer.',
  country LowCardinality(String) COMMENT 'ISO 3166 alpha-2.',
  channel LowCardinality(String) COMMENT 'What brought the registration.',
  device LowCardinality(String) COMMENT 'Device at registration.',
  registered_at DateTime64(3, 'UTC') COMMENT 'When the account was opened.',
  updated_at DateTime64(3, 'UTC') COMMENT 'Last change by the shop.',
  _lsn Int64 COMMENT 'WAL position of the newest change.',
  _deleted UInt8 COMMENT '1 once the row was deleted.',
  _committed_ms Int64 COMMENT 'When the change was committed in Postgres, milliseconds since 1970.',
  _ingested_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When ClickHouse took the row.'
)
ENGINE = ReplacingMergeTree(_lsn, _deleted)
ORDER BY (customer_id)
COMMENT 'Replica of shop.customers. One row per registered customer: the shop\'s own table.';

CREATE TABLE IF NOT EXISTS raw.experiments (
  experiment String COMMENT 'Name of the experiment.',
  variant LowCardinality(String) COMMENT 'Name of the variant; control is what others are compared with.',
  bucket_from Int32 COMMENT 'First of its buckets, see contracts.experiments.',
  bucket_to Int32 COMMENT 'Its buckets end before this one.',
  started_at DateTime64(3, 'UTC') COMMENT 'From when on customers see their variant.',
  ended_at Nullable(DateTime64(3, 'UTC')) COMMENT 'Until when; absent while it runs.',
  _lsn Int64 COMMENT 'WAL position of the newest change.',
  _deleted UInt8 COMMENT '1 once the row was deleted.',
  _committed_ms Int64 COMMENT 'When the change was committed in Postgres, milliseconds since 1970.',
  _ingested_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When ClickHouse took the row.'
)
ENGINE = ReplacingMergeTree(_lsn, _deleted)
ORDER BY (experiment, variant)
COMMENT 'Replica of shop.experiments. One row per variant of an experiment that the shop runs or ran.';

CREATE TABLE IF NOT EXISTS raw.surveys (
  survey_id String COMMENT 'The shop\'s id of the answer.',
  customer_id String COMMENT 'Who answered.',
  answered_at DateTime64(3, 'UTC') COMMENT 'When.',
  score Int32 COMMENT 'How likely they would recommend the shop, 0 to 10 (NPS).',
  _lsn Int64 COMMENT 'WAL position of the newest change.',
  _deleted UInt8 COMMENT '1 once the row was deleted.',
  _committed_ms Int64 COMMENT 'When the change was committed in Postgres, milliseconds since 1970.',
  _ingested_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When ClickHouse took the row.'
)
ENGINE = ReplacingMergeTree(_lsn, _deleted)
ORDER BY (survey_id)
COMMENT 'Replica of shop.surveys. One row per answered survey.';

CREATE TABLE IF NOT EXISTS raw.purchases (
  purchase_id String COMMENT 'The purchase: one line of one order.',
  customer_id String COMMENT 'Who; also the Kafka key. May be absent from the shop\'s customers.',
  session_id Nullable(String) COMMENT 'Session it came out of, if known.',
  status LowCardinality(String) COMMENT 'State of the purchase.',
  purchased_at DateTime64(3, 'UTC') COMMENT 'When it was placed; the same in every state.',
  product_id Nullable(String) COMMENT 'Product bought, if known.',
  category LowCardinality(Nullable(String)) COMMENT 'Category of the product.',
  brand LowCardinality(Nullable(String)) COMMENT 'Brand of the product.',
  quantity Int32 COMMENT 'Units.',
  amount Decimal(18, 4) COMMENT 'Gross value of the line, all units, before discount.',
  discount Decimal(18, 4) COMMENT 'Part of the amount that was not charged.',
  currency LowCardinality(String) COMMENT 'ISO 4217: what all money is in, since sums are taken.',
  device LowCardinality(String) COMMENT 'Kind of device.',
  country LowCardinality(String) COMMENT 'ISO 3166 alpha-2, or unknown.',
  channel LowCardinality(String) COMMENT 'What brought the visit, or unknown.',
  updated_at DateTime64(3, 'UTC') COMMENT 'Event time of the newest state.',
  _lsn Int64 COMMENT 'WAL position of the newest change.',
  _deleted UInt8 COMMENT '1 once the row was deleted.',
  _committed_ms Int64 COMMENT 'When the change was committed in Postgres, milliseconds since 1970.',
  _ingested_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When ClickHouse took the row.'
)
ENGINE = ReplacingMergeTree(_lsn, _deleted)
ORDER BY (purchase_id)
COMMENT 'Replica of live.purchases. One row per purchase, in its newest state by event time.';

CREATE TABLE IF NOT EXISTS raw.sessions (
  session_id String COMMENT 'The client\'s session id.',
  customer_id String COMMENT 'Who.',
  started_at DateTime64(3, 'UTC') COMMENT 'First event.',
  last_event_at DateTime64(3, 'UTC') COMMENT 'Newest event.',
  events Int64 COMMENT 'Events of any type.',
  views Int64 COMMENT 'Product views.',
  carts Int64 COMMENT 'Additions to the cart.',
  removals Int64 COMMENT 'Removals from the cart.',
  checkouts Int64 COMMENT 'Checkouts begun.',
  purchases Int64 COMMENT 'Purchases.',
  funnel_step Int32 COMMENT 'Deepest step reached: 0 none, then view, cart, checkout, purchase.',
  cart_value Decimal(18, 4) COMMENT 'Value put in the cart less what was taken out, not below zero.',
  abandoned_value Decimal(18, 4) COMMENT 'cart_value where nothing was bought, else zero.',
  device LowCardinality(String) COMMENT 'Kind of device.',
  country LowCardinality(String) COMMENT 'ISO 3166 alpha-2, or unknown.',
  channel LowCardinality(String) COMMENT 'What brought the visit, or unknown.',
  _lsn Int64 COMMENT 'WAL position of the newest change.',
  _deleted UInt8 COMMENT '1 once the row was deleted.',
  _committed_ms Int64 COMMENT 'When the change was committed in Postgres, milliseconds since 1970.',
  _ingested_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When ClickHouse took the row.'
)
ENGINE = ReplacingMergeTree(_lsn, _deleted)
ORDER BY (session_id)
COMMENT 'Replica of live.sessions. One row per client session id, updated while it is open.';

CREATE TABLE IF NOT EXISTS raw.web_minute_metrics (
  minute_at DateTime64(3, 'UTC') COMMENT 'Start of the minute of event time.',
  event_type LowCardinality(String) COMMENT 'Event type.',
  country LowCardinality(String) COMMENT 'Country.',
  device LowCardinality(String) COMMENT 'Device.',
  events Int64 COMMENT 'Events.',
  customers Int64 COMMENT 'Distinct customers.',
  last_event_at DateTime64(3, 'UTC') COMMENT 'Newest event counted.',
  _lsn Int64 COMMENT 'WAL position of the newest change.',
  _deleted UInt8 COMMENT '1 once the row was deleted.',
  _committed_ms Int64 COMMENT 'When the change was committed in Postgres, milliseconds since 1970.',
  _ingested_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When ClickHouse took the row.'
)
ENGINE = ReplacingMergeTree(_lsn, _deleted)
ORDER BY (minute_at, event_type, country, device)
COMMENT 'Replica of live.web_minute_metrics. Minute × event type × country × device, the newest LIVE_RETENTION only.';

CREATE TABLE IF NOT EXISTS raw.purchase_minute_metrics (
  minute_at DateTime64(3, 'UTC') COMMENT 'Start of the minute of event time.',
  country LowCardinality(String) COMMENT 'Country.',
  category LowCardinality(String) COMMENT 'Category, or unknown.',
  changes Int64 COMMENT 'Purchase events of any status.',
  orders Int64 COMMENT 'Purchases placed.',
  units Int64 COMMENT 'Units placed.',
  gross Decimal(18, 4) COMMENT 'Amount placed.',
  discounts Decimal(18, 4) COMMENT 'Discounts on what was placed.',
  refunds Decimal(18, 4) COMMENT 'Net value cancelled or returned in this minute.',
  buyers Int64 COMMENT 'Distinct customers who placed.',
  last_event_at DateTime64(3, 'UTC') COMMENT 'Newest event counted.',
  _lsn Int64 COMMENT 'WAL position of the newest change.',
  _deleted UInt8 COMMENT '1 once the row was deleted.',
  _committed_ms Int64 COMMENT 'When the change was committed in Postgres, milliseconds since 1970.',
  _ingested_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When ClickHouse took the row.'
)
ENGINE = ReplacingMergeTree(_lsn, _deleted)
ORDER BY (minute_at, country, category)
COMMENT 'Replica of live.purchase_minute_metrics. Minute × country × category, the newest LIVE_RETENTION only.';
