CREATE SCHEMA IF NOT EXISTS shop;
CREATE SCHEMA IF NOT EXISTS live;
CREATE SCHEMA IF NOT EXISTS cdc;

CREATE TABLE IF NOT EXISTS shop.customers (
  customer_id text NOT NULL,
  name text NOT NULL,
  email text NOT NULL,
  city text NOT NULL,
  birth_date date,
  country text NOT NULL,
  channel text NOT NULL,
  device text NOT NULL,
  registered_at timestamp(3) with time zone NOT NULL,
  updated_at timestamp(3) with time zone NOT NULL,
  PRIMARY KEY (customer_id)
);
COMMENT ON TABLE shop.customers IS 'One row per registered customer: the shop''s own table.';
COMMENT ON COLUMN shop.customers.customer_id IS 'The shop''s id of the customer.';
COMMENT ON COLUMN shop.customers.name IS 'Full name.';
COMMENT ON COLUMN shop.customers.email IS 'Address for mail.';
COMMENT ON COLUMN shop.customers.city IS 'City.';
COMMENT ON COLUMN shop.customers.birth_date IS 'Date of birth.';
COMMENT ON COLUMN shop.customers.country IS 'ISO 3166 alpha-2.';
COMMENT ON COLUMN shop.customers.channel IS 'What brought the registration.';
COMMENT ON COLUMN shop.customers.device IS 'Device at registration.';
COMMENT ON COLUMN shop.customers.registered_at IS 'When the account was opened.';
COMMENT ON COLUMN shop.customers.updated_at IS 'Last change by the shop.';

CREATE TABLE IF NOT EXISTS shop.experiments (
  experiment text NOT NULL,
  variant text NOT NULL,
  bucket_from integer NOT NULL,
  bucket_to integer NOT NULL,
  started_at timestamp(3) with time zone NOT NULL,
  ended_at timestamp(3) with time zone,
  PRIMARY KEY (experiment, variant)
);
COMMENT ON TABLE shop.experiments IS 'One row per variant of an experiment that the shop runs or ran.';
COMMENT ON COLUMN shop.experiments.experiment IS 'Name of the experiment.';
COMMENT ON COLUMN shop.experiments.variant IS 'Name of the variant; control is what others are compared with.';
COMMENT ON COLUMN shop.experiments.bucket_from IS 'First of its buckets, see contracts.experiments.';
COMMENT ON COLUMN shop.experiments.bucket_to IS 'Its buckets end before this one.';
COMMENT ON COLUMN shop.experiments.started_at IS 'From when on customers see their variant.';
COMMENT ON COLUMN shop.experiments.ended_at IS 'Until when; absent while it runs.';

CREATE TABLE IF NOT EXISTS shop.surveys (
  survey_id text NOT NULL,
  customer_id text NOT NULL,
  answered_at timestamp(3) with time zone NOT NULL,
  score integer NOT NULL,
  PRIMARY KEY (survey_id)
);
COMMENT ON TABLE shop.surveys IS 'One row per answered survey.';
COMMENT ON COLUMN shop.surveys.survey_id IS 'The shop''s id of the answer.';
COMMENT ON COLUMN shop.surveys.customer_id IS 'Who answered.';
COMMENT ON COLUMN shop.surveys.answered_at IS 'When.';
COMMENT ON COLUMN shop.surveys.score IS 'How likely they would recommend the shop, 0 to 10 (NPS).';

CREATE TABLE IF NOT EXISTS live.purchases (
  purchase_id text NOT NULL,
  customer_id text NOT NULL,
  session_id text,
  status text NOT NULL,
  purchased_at timestamp(3) with time zone NOT NULL,
  product_id text,
  category text,
  brand text,
  quantity integer NOT NULL,
  amount numeric(18, 4) NOT NULL,
  discount numeric(18, 4) NOT NULL,
  currency text NOT NULL,
  device text NOT NULL,
  country text NOT NULL,
  channel text NOT NULL,
  updated_at timestamp(3) with time zone NOT NULL,
  PRIMARY KEY (purchase_id)
);
CREATE INDEX IF NOT EXISTS purchases_updated_at_idx ON live.purchases (updated_at);
COMMENT ON TABLE live.purchases IS 'One row per purchase, in its newest state by event time.';
COMMENT ON COLUMN live.purchases.purchase_id IS 'The purchase: one line of one order.';
COMMENT ON COLUMN live.purchases.customer_id IS 'Who; also the Kafka key. May be absent from the shop''s customers.';
COMMENT ON COLUMN live.purchases.session_id IS 'Session it came out of, if known.';
COMMENT ON COLUMN live.purchases.status IS 'State of the purchase.';
COMMENT ON COLUMN live.purchases.purchased_at IS 'When it was placed; the same in every state.';
COMMENT ON COLUMN live.purchases.product_id IS 'Product bought, if known.';
COMMENT ON COLUMN live.purchases.category IS 'Category of the product.';
COMMENT ON COLUMN live.purchases.brand IS 'Brand of the product.';
COMMENT ON COLUMN live.purchases.quantity IS 'Units.';
COMMENT ON COLUMN live.purchases.amount IS 'Gross value of the line, all units, before discount.';
COMMENT ON COLUMN live.purchases.discount IS 'Part of the amount that was not charged.';
COMMENT ON COLUMN live.purchases.currency IS 'ISO 4217: what all money is in, since sums are taken.';
COMMENT ON COLUMN live.purchases.device IS 'Kind of device.';
COMMENT ON COLUMN live.purchases.country IS 'ISO 3166 alpha-2, or unknown.';
COMMENT ON COLUMN live.purchases.channel IS 'What brought the visit, or unknown.';
COMMENT ON COLUMN live.purchases.updated_at IS 'Event time of the newest state.';

CREATE TABLE IF NOT EXISTS live.sessions (
  session_id text NOT NULL,
  customer_id text NOT NULL,
  started_at timestamp(3) with time zone NOT NULL,
  last_event_at timestamp(3) with time zone NOT NULL,
  events bigint NOT NULL,
  views bigint NOT NULL,
  carts bigint NOT NULL,
  removals bigint NOT NULL,
  checkouts bigint NOT NULL,
  purchases bigint NOT NULL,
  funnel_step integer NOT NULL,
  cart_value numeric(18, 4) NOT NULL,
  abandoned_value numeric(18, 4) NOT NULL,
  device text NOT NULL,
  country text NOT NULL,
  channel text NOT NULL,
  PRIMARY KEY (session_id)
);
CREATE INDEX IF NOT EXISTS sessions_last_event_at_idx ON live.sessions (last_event_at);
COMMENT ON TABLE live.sessions IS 'One row per client session id, updated while it is open.';
COMMENT ON COLUMN live.sessions.session_id IS 'The client''s session id.';
COMMENT ON COLUMN live.sessions.customer_id IS 'Who.';
COMMENT ON COLUMN live.sessions.started_at IS 'First event.';
COMMENT ON COLUMN live.sessions.last_event_at IS 'Newest event.';
COMMENT ON COLUMN live.sessions.events IS 'Events of any type.';
COMMENT ON COLUMN live.sessions.views IS 'Product views.';
COMMENT ON COLUMN live.sessions.carts IS 'Additions to the cart.';
COMMENT ON COLUMN live.sessions.removals IS 'Removals from the cart.';
COMMENT ON COLUMN live.sessions.checkouts IS 'Checkouts begun.';
COMMENT ON COLUMN live.sessions.purchases IS 'Purchases.';
COMMENT ON COLUMN live.sessions.funnel_step IS 'Deepest step reached: 0 none, then view, cart, checkout, purchase.';
COMMENT ON COLUMN live.sessions.cart_value IS 'Value put in the cart less what was taken out, not below zero.';
COMMENT ON COLUMN live.sessions.abandoned_value IS 'cart_value where nothing was bought, else zero.';
COMMENT ON COLUMN live.sessions.device IS 'Kind of device.';
COMMENT ON COLUMN live.sessions.country IS 'ISO 3166 alpha-2, or unknown.';
COMMENT ON COLUMN live.sessions.channel IS 'What brought the visit, or unknown.';

CREATE TABLE IF NOT EXISTS live.web_minute_metrics (
  minute_at timestamp(3) with time zone NOT NULL,
  event_type text NOT NULL,
  country text NOT NULL,
  device text NOT NULL,
  events bigint NOT NULL,
  customers bigint NOT NULL,
  last_event_at timestamp(3) with time zone NOT NULL,
  PRIMARY KEY (minute_at, event_type, country, device)
);
COMMENT ON TABLE live.web_minute_metrics IS 'Minute × event type × country × device, the newest LIVE_RETENTION only.';
COMMENT ON COLUMN live.web_minute_metrics.minute_at IS 'Start of the minute of event time.';
COMMENT ON COLUMN live.web_minute_metrics.event_type IS 'Event type.';
COMMENT ON COLUMN live.web_minute_metrics.country IS 'Country.';
COMMENT ON COLUMN live.web_minute_metrics.device IS 'Device.';
COMMENT ON COLUMN live.web_minute_metrics.events IS 'Events.';
COMMENT ON COLUMN live.web_minute_metrics.customers IS 'Distinct customers.';
COMMENT ON COLUMN live.web_minute_metrics.last_event_at IS 'Newest event counted.';

CREATE TABLE IF NOT EXISTS live.purchase_minute_metrics (
  minute_at timestamp(3) with time zone NOT NULL,
  country text NOT NULL,
  category text NOT NULL,
  changes bigint NOT NULL,
  orders bigint NOT NULL,
  units bigint NOT NULL,
  gross numeric(18, 4) NOT NULL,
  discounts numeric(18, 4) NOT NULL,
  refunds numeric(18, 4) NOT NULL,
  buyers bigint NOT NULL,
  last_event_at timestamp(3) with time zone NOT NULL,
  PRIMARY KEY (minute_at, country, category)
);
COMMENT ON TABLE live.purchase_minute_metrics IS 'Minute × country × category, the newest LIVE_RETENTION only.';
COMMENT ON COLUMN live.purchase_minute_metrics.minute_at IS 'Start of the minute of event time.';
COMMENT ON COLUMN live.purchase_minute_metrics.country IS 'Country.';
COMMENT ON COLUMN live.purchase_minute_metrics.category IS 'Category, or unknown.';
COMMENT ON COLUMN live.purchase_minute_metrics.changes IS 'Purchase events of any status.';
COMMENT ON COLUMN live.purchase_minute_metrics.orders IS 'Purchases placed.';
COMMENT ON COLUMN live.purchase_minute_metrics.units IS 'Units placed.';
COMMENT ON COLUMN live.purchase_minute_metrics.gross IS 'Amount placed.';
COMMENT ON COLUMN live.purchase_minute_metrics.discounts IS 'Discounts on what was placed.';
COMMENT ON COLUMN live.purchase_minute_metrics.refunds IS 'Net value cancelled or returned in this minute.';
COMMENT ON COLUMN live.purchase_minute_metrics.buyers IS 'Distinct customers who placed.';
COMMENT ON COLUMN live.purchase_minute_metrics.last_event_at IS 'Newest event counted.';

CREATE TABLE IF NOT EXISTS live.customer_days (
  customer_id text NOT NULL,
  day date NOT NULL,
  changes bigint NOT NULL,
  landing_events bigint NOT NULL,
  list_events bigint NOT NULL,
  search_events bigint NOT NULL,
  view_events bigint NOT NULL,
  cart_events bigint NOT NULL,
  remove_from_cart_events bigint NOT NULL,
  checkout_events bigint NOT NULL,
  payment_events bigint NOT NULL,
  purchase_events bigint NOT NULL,
  orders bigint NOT NULL,
  value numeric(18, 4) NOT NULL,
  last_event_at timestamp(3) with time zone NOT NULL,
  last_purchase_at timestamp(3) with time zone,
  PRIMARY KEY (customer_id, day)
);
COMMENT ON TABLE live.customer_days IS 'Customer × day, for scoring at the moment of asking; read through the view live.customer_activity.';
COMMENT ON COLUMN live.customer_days.customer_id IS 'Who.';
COMMENT ON COLUMN live.customer_days.day IS 'UTC day of event time.';
COMMENT ON COLUMN live.customer_days.changes IS 'Web events and purchase events of any type.';
COMMENT ON COLUMN live.customer_days.landing_events IS 'Web events of type landing.';
COMMENT ON COLUMN live.customer_days.list_events IS 'Web events of type list.';
COMMENT ON COLUMN live.customer_days.search_events IS 'Web events of type search.';
COMMENT ON COLUMN live.customer_days.view_events IS 'Web events of type view.';
COMMENT ON COLUMN live.customer_days.cart_events IS 'Web events of type cart.';
COMMENT ON COLUMN live.customer_days.remove_from_cart_events IS 'Web events of type remove_from_cart.';
COMMENT ON COLUMN live.customer_days.checkout_events IS 'Web events of type checkout.';
COMMENT ON COLUMN live.customer_days.payment_events IS 'Web events of type payment.';
COMMENT ON COLUMN live.customer_days.purchase_events IS 'Web events of type purchase.';
COMMENT ON COLUMN live.customer_days.orders IS 'Purchases placed.';
COMMENT ON COLUMN live.customer_days.value IS 'Net amount placed on the day less what was cancelled or returned on it.';
COMMENT ON COLUMN live.customer_days.last_event_at IS 'Newest event of any kind.';
COMMENT ON COLUMN live.customer_days.last_purchase_at IS 'Newest purchase placed.';

CREATE TABLE IF NOT EXISTS cdc.heartbeat (
  id integer PRIMARY KEY,
  beat_at timestamp with time zone NOT NULL
);
