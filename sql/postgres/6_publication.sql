DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_publication WHERE pubname = 'shop_cdc') THEN
    CREATE PUBLICATION shop_cdc;
  END IF;
END $$;
ALTER PUBLICATION shop_cdc SET TABLE shop.customers, shop.experiments, shop.surveys, live.purchases, live.sessions, live.web_minute_metrics, live.purchase_minute_metrics, cdc.heartbeat;
