"""PyFlink: validate once, deduplicate, sessionise, aggregate. One job, one entry point (``flink_jobs.submit``)."""

JOB_NAME = "customer-events"
