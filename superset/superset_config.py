"""Superset's configuration: metadata in Postgres, no Redis, nothing fetched from elsewhere.

Read by Superset through SUPERSET_CONFIG_PATH; values come from ``contracts.settings``.
"""

import os
import time

from contracts.settings import settings

# "Now" in a chart's time range is the server's local time; the data is in UTC.
os.environ["TZ"] = "UTC"
time.tzset()

_settings = settings()

APP_NAME = "Customer analytics"
SECRET_KEY = _settings.secret("SUPERSET_SECRET_KEY")
SQLALCHEMY_DATABASE_URI = _settings.postgres_dsn("superset").replace("postgresql://", "postgresql+psycopg2://", 1)
# Examples would be a database that nobody set up.
SQLALCHEMY_EXAMPLES_URI = SQLALCHEMY_DATABASE_URI

# Cookies know no ports: two stacks on one machine, or Airflow beside it, must not share one.
SESSION_COOKIE_NAME = f"superset-{_settings.port('SUPERSET')}"

SQLLAB_TIMEOUT = 60
SUPERSET_WEBSERVER_TIMEOUT = 90
ROW_LIMIT = 10_000

# Pages load their own files alone: no pixels, maps or fonts from other hosts.
TALISMAN_CONFIG = {
    "content_security_policy": {
        "base-uri": ["'self'"],
        "default-src": ["'self'"],
        "img-src": ["'self'", "blob:", "data:"],
        "worker-src": ["'self'", "blob:"],
        "connect-src": ["'self'"],
        "object-src": "'none'",
        "style-src": ["'self'", "'unsafe-inline'"],
        "font-src": ["'self'", "data:"],
        "script-src": ["'self'", "'strict-dynamic'"],
    },
    "content_security_policy_nonce_in": ["script-src"],
    "force_https": False,
    "session_cookie_secure": False,
}
