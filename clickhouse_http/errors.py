"""ClickHouse's error codes: their HTTP status and their text."""

import re
from http import HTTPStatus

BAD_ARGUMENTS = 36
NOT_IMPLEMENTED = 48
SYNTAX_ERROR = 62
UNKNOWN_FORMAT = 73
UNKNOWN_SETTING = 115
UNKNOWN_ROLE = 511
READONLY = 164
AUTHENTICATION_FAILED = 516
ACCESS_DENIED = 497
SUPPORT_IS_DISABLED = 344
TOO_MANY_SIMULTANEOUS_QUERIES = 202
QUERY_WAS_CANCELLED = 394
SESSION_NOT_FOUND = 372
SESSION_IS_LOCKED = 373
INVALID_SESSION_TIMEOUT = 374
CANNOT_DECOMPRESS = 271
UNKNOWN_EXCEPTION = 1002
REQUIRED_PASSWORD = 194
UNKNOWN_COMPRESSION_METHOD = 89

NAMES = {
    BAD_ARGUMENTS: "BAD_ARGUMENTS",
    NOT_IMPLEMENTED: "NOT_IMPLEMENTED",
    SYNTAX_ERROR: "SYNTAX_ERROR",
    UNKNOWN_FORMAT: "UNKNOWN_FORMAT",
    UNKNOWN_SETTING: "UNKNOWN_SETTING",
    UNKNOWN_ROLE: "UNKNOWN_ROLE",
    UNKNOWN_COMPRESSION_METHOD: "UNKNOWN_COMPRESSION_METHOD",
    READONLY: "READONLY",
    REQUIRED_PASSWORD: "REQUIRED_PASSWORD",
    TOO_MANY_SIMULTANEOUS_QUERIES: "TOO_MANY_SIMULTANEOUS_QUERIES",
    CANNOT_DECOMPRESS: "CANNOT_DECOMPRESS",
    SUPPORT_IS_DISABLED: "SUPPORT_IS_DISABLED",
    SESSION_NOT_FOUND: "SESSION_NOT_FOUND",
    SESSION_IS_LOCKED: "SESSION_IS_LOCKED",
    INVALID_SESSION_TIMEOUT: "INVALID_SESSION_TIMEOUT",
    QUERY_WAS_CANCELLED: "QUERY_WAS_CANCELLED",
    ACCESS_DENIED: "ACCESS_DENIED",
    AUTHENTICATION_FAILED: "AUTHENTICATION_FAILED",
    UNKNOWN_EXCEPTION: "UNKNOWN_EXCEPTION",
}

# The server's own table; a code that is not here is an internal error.
STATUS = {
    **dict.fromkeys((REQUIRED_PASSWORD,), HTTPStatus.UNAUTHORIZED),
    **dict.fromkeys((192, 193, ACCESS_DENIED, 512, AUTHENTICATION_FAILED), HTTPStatus.FORBIDDEN),
    **dict.fromkeys(
        (6, 8, 15, 16, 25, 26, 27, BAD_ARGUMENTS, 38, 41, 43, 44, 53, SYNTAX_ERROR, 69, 72)
        + (117, 167, 168, 223, 224, 267, 321, 376, 427, 441, 675, 676),
        HTTPStatus.BAD_REQUEST,
    ),
    **dict.fromkeys((46, 47, 50, 56, 60, 63, UNKNOWN_FORMAT, 78, 81, UNKNOWN_SETTING, 142, UNKNOWN_ROLE), HTTPStatus.NOT_FOUND),
    **dict.fromkeys((131,), HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    **dict.fromkeys((NOT_IMPLEMENTED,), HTTPStatus.NOT_IMPLEMENTED),
    **dict.fromkeys((76, 209, 439), HTTPStatus.SERVICE_UNAVAILABLE),
    **dict.fromkeys((381,), HTTPStatus.LENGTH_REQUIRED),
    **dict.fromkeys((159,), HTTPStatus.REQUEST_TIMEOUT),
}  # fmt: skip

CODE = re.compile(r"Code: (\d+)\. ")


class ServerError(Exception):
    """What a client gets to see: a ClickHouse code and one text."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    @classmethod
    def of_engine(cls, text: str) -> "ServerError":
        """From the engine's own message, which carries its code; what precedes the code is chDB's wrapping."""
        match = CODE.search(text)
        if not match:
            return cls(UNKNOWN_EXCEPTION, text)
        message = text[match.end() :].removeprefix("DB::Exception: ").strip()
        return cls(int(match.group(1)), message)

    @property
    def status(self) -> HTTPStatus:
        return STATUS.get(self.code, HTTPStatus.INTERNAL_SERVER_ERROR)

    def text(self, version: str) -> str:
        name = NAMES.get(self.code, "")
        suffix = f" ({name})" if name and f"({name})" not in self.message else ""
        return f"Code: {self.code}. DB::Exception: {self.message}{suffix} (version {version} (official build))\n"
