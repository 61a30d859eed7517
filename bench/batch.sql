-- What comes in between two builds: one in a hundred events anew, of one in twenty customers; some late ones; a customer deleted.
INSERT INTO raw.web_events (
  event_id, event_time, schema_version, event_type, customer_id, session_id, product_id, category, brand, price, quantity,
  device, country, channel, source_partition, source_offset
)
SELECT
  concat('n', event_id), event_time, 1, event_type,
  concat('c', toString(cityHash64(session_id) % {customers:UInt64} - cityHash64(session_id) % {customers:UInt64} % 20)),
  concat('n', session_id), product_id, category, brand, price, quantity, device, country, channel, 0, source_offset
FROM raw.web_events
WHERE cityHash64(session_id, 5) % 100 = 0;

INSERT INTO raw.web_events (
  event_id, event_time, schema_version, event_type, customer_id, session_id, product_id, category, brand, price, quantity,
  device, country, channel, source_partition, source_offset
)
SELECT
  concat('late', event_id), event_time + toIntervalMinute(15), 1, event_type, customer_id,
  session_id, product_id, category, brand, price, quantity, device, country, channel, 0, source_offset
FROM raw.web_events
WHERE event_type = 'landing'
ORDER BY cityHash64(event_id)
LIMIT 20;

INSERT INTO raw.customers (customer_id, country, channel, device, registered_at, updated_at, _lsn, _deleted)
SELECT customer_id, country, channel, device, registered_at, now(), _lsn + {customers:UInt64}, 1
FROM raw.customers
ORDER BY customer_id
LIMIT 1;
