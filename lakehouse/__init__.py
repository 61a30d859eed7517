"""Marts to the lake: ClickHouse -> Parquet on MinIO -> Iceberg tables, one snapshot per table and run.

python -m lakehouse.export --run-id 2026-01-31 --as-of 2026-01-31
python -m lakehouse.upkeep
"""
