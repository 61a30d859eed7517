CREATE TABLE IF NOT EXISTS ops.builds (
  build_id String COMMENT 'Identity of the build.',
  started_at DateTime64(3, 'UTC') COMMENT 'When the build began.',
  as_of_day Date32 COMMENT 'The marts are as known at the end of this day, UTC.',
  seconds Float64 COMMENT 'How long it took.',
  is_ok Int32 COMMENT '1 where every model was built and no test failed, else 0.',
  models_built Int32 COMMENT 'Models built.',
  models_failed Int32 COMMENT 'Models that failed.',
  tests_passed Int32 COMMENT 'Tests that passed.',
  tests_warned Int32 COMMENT 'Tests that warned.',
  tests_failed Int32 COMMENT 'Tests that failed.',
  tests_skipped Int32 COMMENT 'Tests that were not run, since something before them failed.',
  _ingested_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When ClickHouse took the row.'
)
ENGINE = ReplacingMergeTree
ORDER BY (started_at, build_id)
COMMENT 'One row per build of the warehouse.';

CREATE TABLE IF NOT EXISTS ops.build_nodes (
  build_id String COMMENT 'Identity of the build.',
  started_at DateTime64(3, 'UTC') COMMENT 'When the build began.',
  name String COMMENT 'Model or test.',
  kind LowCardinality(String) COMMENT 'model, test or unit_test.',
  layer LowCardinality(String) COMMENT 'Database of a model; empty for a test.',
  status LowCardinality(String) COMMENT 'success or pass where all is well, else warn, fail, error or skipped.',
  seconds Float64 COMMENT 'How long it took.',
  failures Int32 COMMENT 'Rows that a test complains about.',
  row_count Nullable(Int64) COMMENT 'Rows of a table.',
  message String COMMENT 'What is wrong; empty where nothing is.',
  _ingested_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When ClickHouse took the row.'
)
ENGINE = ReplacingMergeTree
ORDER BY (started_at, build_id, kind, name)
COMMENT 'One row per build and model or test in it.';
