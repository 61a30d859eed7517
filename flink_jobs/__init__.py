"""PyFlink in two jobs: ``intake`` judges and deduplicates, ``live`` computes what Postgres shows. ``submit`` starts both."""

INTAKE = "intake"
LIVE = "live"
# In the order in which events pass them.
JOBS = (INTAKE, LIVE)
