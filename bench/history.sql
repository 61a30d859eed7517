-- A made-up year: sessions of 8 events, one in five with a purchase that goes through three states.
INSERT INTO raw.customers (customer_id, country, channel, device, registered_at, updated_at, _lsn, _deleted)
SELECT
  concat('c', toString(number)),
  ['DE', 'FR', 'AT'][1 + cityHash64(number, 1) % 3],
  ['organic', 'paid', 'email'][1 + cityHash64(number, 2) % 3],
  ['desktop', 'mobile'][1 + cityHash64(number, 3) % 2],
  now() - toIntervalSecond(cityHash64(number, 4) % (365 * 86400)),
  now(),
  number,
  0
FROM numbers({customers:UInt64});

INSERT INTO raw.web_events (
  event_id, event_time, schema_version, event_type, customer_id, session_id, product_id, category, brand, price, quantity,
  device, country, channel, source_partition, source_offset
)
SELECT
  concat('e', toString(session * 8 + step)),
  toDateTime64(toStartOfDay(now()) - 365 * 86400, 3)
    + toIntervalSecond(cityHash64(session, 7) % (364 * 86400) + step * (20 + cityHash64(session, step) % 60)),
  1,
  multiIf(
    step = 0, 'landing',
    step = 1, 'list',
    step = 4 AND luck < 4, 'cart',
    step = 5 AND luck < 3, 'checkout',
    step = 6 AND luck < 2, 'payment',
    step = 7 AND luck < 2, 'purchase',
    'view'
  ),
  concat('c', toString(cityHash64(session, 8) % {customers:UInt64})),
  concat('s', toString(session)),
  concat('p', toString(product)),
  concat('category ', toString(product % 12)),
  'brand',
  5 + product % 100,
  1,
  ['desktop', 'mobile'][1 + cityHash64(session, 3) % 2],
  ['DE', 'FR', 'AT'][1 + cityHash64(session, 1) % 3],
  ['organic', 'paid', 'email'][1 + cityHash64(session, 2) % 3],
  0,
  session * 8 + step
FROM (
  SELECT number AS session, cityHash64(session, 9) % 10 AS luck, step, cityHash64(session, step, 3) % 2000 AS product
  FROM numbers({sessions:UInt64}) ARRAY JOIN range(8) AS step
);

INSERT INTO raw.purchase_events (
  event_id, event_time, schema_version, purchase_id, customer_id, session_id, status, purchased_at, product_id, category, brand,
  quantity, amount, discount, currency, device, country, channel, source_partition, source_offset
)
SELECT
  concat(event_id, '-', toString(state)),
  event_time + toIntervalDay(state),
  1,
  event_id,
  customer_id,
  session_id,
  ['placed', 'paid', if(cityHash64(event_id) % 10 = 0, 'returned', 'delivered')][state + 1],
  event_time,
  product_id,
  category,
  brand,
  1,
  price,
  if(cityHash64(event_id, 1) % 4 = 0, price / 10, 0),
  'EUR',
  device,
  country,
  channel,
  0,
  0
FROM raw.web_events ARRAY JOIN [0, 1, 2] AS state
WHERE event_type = 'purchase' AND event_time + toIntervalDay(state) < now();
