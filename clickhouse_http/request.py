"""One HTTP request: its parameters, settings and database."""

import re
from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from clickhouse_http.errors import BAD_ARGUMENTS, UNKNOWN_FORMAT, ServerError

Scope = MutableMapping[str, Any]

# Parameters with a meaning of their own; every other one is a setting of the query.
RESERVED_NAMES = """
    query database default_format user password quota_key session_id session_timeout session_check close_session query_id
    compress decompress wait_end_of_query buffer_size client_protocol_version stacktrace role
"""
RESERVED = frozenset(RESERVED_NAMES.split())
IDENTIFIER = re.compile(r"[A-Za-z0-9_]+")
SETTING_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]
    parameters: dict[str, str]

    @classmethod
    def of(cls, scope: Scope) -> "Request":
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        pairs = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True, errors="surrogateescape")
        return cls(scope["method"], scope["path"], headers, dict(pairs))

    @property
    def settings(self) -> dict[str, str]:
        found = {}
        for name, value in self.parameters.items():
            if name in RESERVED or name.startswith("param_") or self._describes_table(name):
                continue
            if not SETTING_NAME.fullmatch(name):
                raise ServerError(BAD_ARGUMENTS, f"{name!r} is no name of a setting")
            found[name] = value
        return found

    def _describes_table(self, name: str) -> bool:
        return name.endswith(("_structure", "_types", "_format")) and self.multipart

    @property
    def query_parameters(self) -> dict[str, str]:
        found = {name.removeprefix("param_"): value for name, value in self.parameters.items() if name.startswith("param_")}
        for name in found:
            if not IDENTIFIER.fullmatch(name):
                raise ServerError(BAD_ARGUMENTS, f"{name!r} is no name of a query parameter")
        return found

    @property
    def database(self) -> str:
        return self.parameters.get("database") or self.headers.get("x-clickhouse-database", "")

    @property
    def default_format(self) -> str:
        name = self.parameters.get("default_format") or self.headers.get("x-clickhouse-format") or "TabSeparated"
        if not IDENTIFIER.fullmatch(name):
            raise ServerError(UNKNOWN_FORMAT, f"Unknown format {name}")
        return name

    @property
    def reads_only(self) -> bool:
        return self.method in ("GET", "HEAD")

    @property
    def multipart(self) -> bool:
        return self.headers.get("content-type", "").lower().startswith("multipart/form-data")

    def flag(self, name: str) -> bool:
        return self.parameters.get(name, "0").lower() not in ("", "0", "false")
