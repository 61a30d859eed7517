CREATE OR REPLACE FUNCTION live.purchases_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.updated_at < OLD.updated_at THEN
    RETURN NULL;
  END IF;
  RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER purchases_guard BEFORE UPDATE ON live.purchases
  FOR EACH ROW EXECUTE FUNCTION live.purchases_guard();

CREATE OR REPLACE FUNCTION live.sessions_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.events < OLD.events THEN
    RETURN NULL;
  END IF;
  RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER sessions_guard BEFORE UPDATE ON live.sessions
  FOR EACH ROW EXECUTE FUNCTION live.sessions_guard();

CREATE OR REPLACE FUNCTION live.web_minute_metrics_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.events < OLD.events THEN
    RETURN NULL;
  END IF;
  RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER web_minute_metrics_guard BEFORE UPDATE ON live.web_minute_metrics
  FOR EACH ROW EXECUTE FUNCTION live.web_minute_metrics_guard();

CREATE OR REPLACE FUNCTION live.purchase_minute_metrics_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.changes < OLD.changes THEN
    RETURN NULL;
  END IF;
  RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER purchase_minute_metrics_guard BEFORE UPDATE ON live.purchase_minute_metrics
  FOR EACH ROW EXECUTE FUNCTION live.purchase_minute_metrics_guard();

CREATE OR REPLACE FUNCTION live.customer_days_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.changes < OLD.changes THEN
    RETURN NULL;
  END IF;
  RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER customer_days_guard BEFORE UPDATE ON live.customer_days
  FOR EACH ROW EXECUTE FUNCTION live.customer_days_guard();
