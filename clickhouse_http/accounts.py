"""Who may come in: two accounts, named by HTTP Basic, by headers or by parameters."""

import base64
import binascii
import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from clickhouse_http.config import Config
from clickhouse_http.errors import AUTHENTICATION_FAILED, ServerError
from clickhouse_http.profiles import READER, WRITER


@dataclass(frozen=True)
class Caller:
    user: str
    profile: str

    @property
    def reads_only(self) -> bool:
        return self.profile == READER


def credentials(headers: Mapping[str, str], parameters: Mapping[str, str]) -> tuple[str, str]:
    """User and password; naming them in two ways at once is an error, as on the server."""
    ways = []
    if "x-clickhouse-user" in headers or "x-clickhouse-key" in headers:
        ways.append((headers.get("x-clickhouse-user", "default"), headers.get("x-clickhouse-key", "")))
    if "authorization" in headers:
        ways.append(_basic(headers["authorization"]))
    if "user" in parameters or "password" in parameters:
        ways.append((parameters.get("user", "default"), parameters.get("password", "")))
    if len(ways) > 1:
        raise ServerError(
            AUTHENTICATION_FAILED,
            "Invalid authentication: it is not allowed to use Authorization HTTP header, X-ClickHouse HTTP headers"
            " and authentication via parameters simultaneously",
        )
    return ways[0] if ways else ("default", "")


def _basic(header: str) -> tuple[str, str]:
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        raise ServerError(AUTHENTICATION_FAILED, f"Invalid authentication: '{scheme}' HTTP Authorization scheme is not supported")
    try:
        user, colon, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        colon = ""
    if not colon:
        raise ServerError(AUTHENTICATION_FAILED, "Invalid authentication: the Authorization header cannot be decoded")
    return user, password


class Accounts:
    def __init__(self, config: Config) -> None:
        self._known = ((config.writer, WRITER), (config.reader, READER))

    def caller(self, user: str, password: str) -> Caller:
        """The account; ServerError where name or password is wrong, without telling which."""
        found = None
        for account, profile in self._known:
            same_user = hmac.compare_digest(account.user.encode(), user.encode())
            same_password = hmac.compare_digest(account.password.encode(), password.encode())
            if same_user & same_password:
                found = Caller(account.user, profile)
        if found is None:
            raise ServerError(
                AUTHENTICATION_FAILED,
                f"{user}: Authentication failed: password is incorrect, or there is no user with such name.",
            )
        return found
