"""What the embedded engine and a real server share: the two profiles, a server's limits, and how their configuration is spelt."""

from collections.abc import Mapping
from xml.sax.saxutils import escape

from clickhouse_http.config import MIB, Config

WRITER, READER = "writer", "reader"
# What the read-only user may lower but not raise.
CAPPED = ("max_memory_usage", "max_execution_time", "max_result_rows", "max_threads")
# Settings that would change how a statement is read after it was checked.
FIXED = ("dialect",)


def profiles(config: Config) -> dict[str, dict[str, int]]:
    """Settings of the two profiles."""
    writer = {
        "max_threads": config.threads,
        "max_insert_threads": 1,
        "max_memory_usage": config.max_query_memory,
        "max_bytes_before_external_group_by": config.max_query_memory // 2,
        "max_bytes_before_external_sort": config.max_query_memory // 2,
        "max_execution_time": config.writer_seconds,
        "implicit_select": 0,
        "readonly": 0,
    }
    reader = {
        **writer,
        "max_memory_usage": config.max_query_memory // 2,
        "max_bytes_before_external_group_by": config.max_query_memory // 4,
        "max_bytes_before_external_sort": config.max_query_memory // 4,
        "max_execution_time": config.reader_seconds,
        "max_result_rows": config.reader_rows,
        "readonly": 2,
    }
    return {WRITER: writer, READER: reader}


def server_limits(config: Config) -> dict[str, int]:
    """One limit for all queries together, small caches, few threads that merge."""
    return {
        "max_server_memory_usage": config.max_memory,
        "mark_cache_size": 64 * MIB,
        "uncompressed_cache_size": 0,
        "background_pool_size": 2,
        # Times the threads: how many parts are merged or deleted from at once. A DELETE on more parts than that waits, for half a
        # second, until the engine looks for work again.
        "background_merges_mutations_concurrency_ratio": 4,
    }


def profile_xml(name: str, values: Mapping[str, int]) -> str:
    limits = [f"<{key}><const/></{key}>" for key in FIXED]
    if values["readonly"]:
        limits += [f"<{key}><min>1</min><max>{values[key]}</max></{key}>" for key in CAPPED]
    settings = "".join(f"<{key}>{value}</{key}>" for key, value in values.items())
    return f"  <{name}>{settings}<constraints>{''.join(limits)}</constraints></{name}>"


def xml(values: Mapping[str, object]) -> str:
    """A server's settings; a dot in a name is a level."""
    lines = []
    for name, value in values.items():
        opening = "".join(f"<{part}>" for part in name.split("."))
        closing = "".join(f"</{part}>" for part in reversed(name.split(".")))
        lines.append(f"  {opening}{escape(str(value))}{closing}")
    return "\n".join(("<clickhouse>", *lines, "</clickhouse>", ""))
