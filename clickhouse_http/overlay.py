"""Settings and database that come with a request, put on a connection."""

from collections.abc import Mapping
from contextlib import suppress

from clickhouse_http.engine import Connection, literal
from clickhouse_http.errors import ServerError

# Statements that change the session itself, which no request's settings may cover.
OF_THE_SESSION = ("SET", "USE")


def identifier(name: str) -> str:
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"


def apply(connection: Connection, settings: Mapping[str, str], database: str) -> None:
    if settings:
        connection.run("SET " + ", ".join(f"{name} = {literal(value)}" for name, value in settings.items()))
    if database:
        connection.run(f"USE {identifier(database)}")


class Overlay:
    """What requests bring to a session, over what the session has of its own, which is there again once this is lifted.

    It stays until a request brings something else: dbt brings the same with each of its hundreds of requests, and putting it on
    and off takes longer than most of its statements.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._brought: tuple[dict[str, str], str] = ({}, "")
        self._covered: list[str] = []

    def put(self, settings: Mapping[str, str], database: str) -> None:
        brought = dict(settings), database
        if brought == self._brought:
            return
        self.lift()
        self._covered = self._own(settings, database)
        self._brought = brought
        try:
            apply(self._connection, settings, database)
        except ServerError:
            self.lift()
            raise

    def lift(self) -> None:
        for statement in self._covered:
            # A limit of the profile keeps a setting, which was not changed either; the database may have been dropped.
            with suppress(ServerError):
                self._connection.run(statement)
        self._brought, self._covered = ({}, ""), []

    def _own(self, settings: Mapping[str, str], database: str) -> list[str]:
        """The statements that bring back what the session has of its own."""
        statements = []
        if settings:
            names = ", ".join(map(literal, settings))
            rows = self._connection.rows(f"SELECT name, value, changed FROM system.settings WHERE name IN ({names})")
            statements = [f"SET {name} = {literal(value) if changed == '1' else 'DEFAULT'}" for name, value, changed in rows]
        if database:
            statements.append(f"USE {identifier(self._connection.rows('SELECT currentDatabase()')[0][0])}")
        return statements
