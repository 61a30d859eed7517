"""The embedded engine's configuration files: one memory limit, small caches, one user and what it may do."""

from clickhouse_http.config import MIB, Config
from clickhouse_http.profiles import WRITER, profile_xml, profiles, server_limits, xml

# Everything a pipeline needs on tables, and nothing that reaches outside of the engine.
GRANTS = (
    "SELECT, INSERT, ALTER, CREATE DATABASE, CREATE TABLE, CREATE VIEW, CREATE TEMPORARY TABLE, DROP DATABASE, DROP TABLE,"
    " DROP VIEW, UNDROP TABLE, TRUNCATE, OPTIMIZE, CHECK, SHOW, KILL QUERY,"
    " SYSTEM MERGES, SYSTEM TTL MERGES, SYSTEM DROP CACHE ON *.*",
    "TABLE ENGINE ON *",
)
# chDB calls the database of clickhouse-local, which looks into the file system, by this name; it is dropped at the start.
LOCAL_DATABASE = "_local"


def engine_xml(config: Config) -> str:
    """Server settings: one memory limit, small caches, few background threads."""
    values: dict[str, object] = {
        "default_database": LOCAL_DATABASE,
        "users_config": config.users_file,
        "path": config.data,
        "tmp_path": config.directory / "tmp",
        "timezone": "UTC",
        **server_limits(config),
        "index_mark_cache_size": 16 * MIB,
        "index_uncompressed_cache_size": 0,
        "primary_index_cache_size": 64 * MIB,
        "query_cache.max_size_in_bytes": 32 * MIB,
        "mmap_cache_size": 100,
        "compiled_expression_cache_size": 16 * MIB,
        "background_schedule_pool_size": 4,
        "background_move_pool_size": 1,
        "background_fetches_pool_size": 1,
        "background_common_pool_size": 2,
        "background_buffer_flush_schedule_pool_size": 1,
        "background_message_broker_schedule_pool_size": 1,
        "background_distributed_schedule_pool_size": 1,
        "max_thread_pool_size": 500,
        "max_thread_pool_free_size": 32,
    }
    return xml(values)


def users_xml(config: Config) -> str:
    """The engine's only user, its grants, and the two profiles. No password: it cannot be reached from outside."""
    limits = "\n".join(profile_xml(name, values) for name, values in profiles(config).items())
    grants = "".join(f"<query>GRANT {grant}</query>" for grant in GRANTS)
    return (
        f"<clickhouse>\n <profiles>\n{limits}\n  <default><profile>{WRITER}</profile></default>\n </profiles>\n"
        f" <users><default><no_password/><profile>{WRITER}</profile><quota>default</quota><networks><ip>::/0</ip></networks>\n"
        f"  <grants>{grants}</grants></default></users>\n"
        " <quotas><default/></quotas>\n</clickhouse>\n"
    )
