"""PyFlink in one job: ``intake`` judges and deduplicates, ``live`` computes what Postgres shows. ``submit`` starts it."""

JOB = "stream"
