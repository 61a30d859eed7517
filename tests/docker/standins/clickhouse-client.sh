#!/bin/sh
# Stand-in for clickhouse-client as the health check calls it: --user NAME --query SQL, the password in CLICKHOUSE_PASSWORD.
exec wget --quiet --output-document=- --header="X-ClickHouse-User: $2" --header="X-ClickHouse-Key: $CLICKHOUSE_PASSWORD" \
    --post-data="$4" http://127.0.0.1:8123/
