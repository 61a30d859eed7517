"""From Postgres by Debezium, and from Kafka into ClickHouse."""
