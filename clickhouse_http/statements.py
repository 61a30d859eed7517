"""Reading a statement just far enough to run it: where an INSERT's data begins, which FORMAT is asked for.

The engine parses the SQL; this module only finds positions in it, with the engine's own rules for quotes and comments.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

TOKEN = re.compile(
    rb"""
      (?P<space>\s+ | --[^\n]* | \#[\ !][^\n]* | /\*.*?\*/)
    | (?P<string>'(?:[^'\\]|\\.|'')*' | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$)
    | (?P<quoted>`(?:[^`\\]|\\.|``)*` | "(?:[^"\\]|\\.|"")*")
    | (?P<word>[A-Za-z0-9_$]+)
    | (?P<sign>.)
    """,
    re.DOTALL | re.VERBOSE,
)
OPENING, CLOSING = (b"(", b"[", b"{"), (b")", b"]", b"}")
# Statements that return rows in a format of the caller's choice.
RESULT_KINDS = frozenset(("SELECT", "WITH", "FROM", "(", "SHOW", "DESCRIBE", "DESC", "EXPLAIN", "EXISTS", "CHECK"))
# An INSERT reads its rows from a query or a file instead of from what follows it.
NO_DATA = frozenset(("SELECT", "WITH", "FROM", "WATCH", "EXECUTE", "(", ";"))


@dataclass(frozen=True)
class Token:
    kind: str
    text: bytes
    start: int
    end: int
    depth: int  # brackets around it

    @property
    def word(self) -> str:
        """Bare words in upper case, signs as they are; quoted names and strings are no words."""
        return self.text.decode("ascii", "replace").upper() if self.kind in ("word", "sign") else ""


def tokens(text: bytes) -> Iterator[Token]:
    """Tokens without white space and comments."""
    depth = 0
    for match in TOKEN.finditer(text):
        kind = match.lastgroup if match.lastgroup != "tag" else "string"
        if kind == "space":
            continue
        found = match.group()
        if kind == "sign" and found in CLOSING:
            depth -= 1
        yield Token(str(kind), found, match.start(), match.end(), depth)
        if kind == "sign" and found in OPENING:
            depth += 1


@dataclass(frozen=True)
class Insert:
    """An INSERT whose rows follow it: ``INSERT INTO t (a) SETTINGS x = 1 FORMAT CSV`` and then data."""

    target: str
    settings: str
    format: str
    data_start: int

    @property
    def statement(self) -> str:
        """Without data."""
        return f"{self.target}{self.settings} FORMAT {self.format}"


def insert_with_data(text: bytes) -> Insert | None:
    """The INSERT at the start of ``text`` if its rows follow in a format; None for every other statement."""
    found = list(_until_data(text))
    if not found or found[0].word != "INSERT":
        return None
    last = found[-1]
    if last.word == "VALUES":
        name, ends = "Values", last.end
    elif len(found) > 1 and found[-2].word == "FORMAT":
        name, ends = last.text.decode(), _skip_line_end(text, last.end)
        last = found[-2]
    else:
        return None
    settings = next((token.start for token in _clauses(found) if token.word == "SETTINGS"), last.start)
    target = text[: min(settings, last.start)].decode().rstrip()
    clause = text[settings : last.start].decode().rstrip()
    return Insert(target, f" {clause}" if clause else "", name, ends)


def _until_data(text: bytes) -> Iterator[Token]:
    """Tokens up to VALUES or FORMAT and its name, or to the first sign that no data follows."""
    after_name = format_next = False
    for number, token in enumerate(tokens(text)):
        yield token
        if format_next or (number == 0 and token.word != "INSERT"):
            return
        if after_name and not token.depth:
            if token.word == "VALUES" or (token.word in NO_DATA and token.word != "("):
                return
            format_next = token.word == "FORMAT"
        elif number and not after_name:
            after_name = token.kind == "quoted" or token.word not in ("INTO", "TABLE", "FUNCTION", ".")


def _clauses(found: list[Token]) -> Iterator[Token]:
    """Tokens outside brackets, past the table's name."""
    return (token for token in found[3:] if not token.depth)


def _skip_line_end(text: bytes, position: int) -> int:
    """Data starts after the first line end, or after the white space where there is none."""
    while text[position : position + 1] in (b" ", b"\t", b"\f"):
        position += 1
    if text[position : position + 1] == b"\r":
        position += 1
    if text[position : position + 1] == b"\n":
        position += 1
    return position


@dataclass(frozen=True)
class Query:
    """A statement without data, cut where ``INTO OUTFILE`` may be put: before its FORMAT."""

    kind: str
    body: str
    format: str
    rest: str  # SETTINGS after FORMAT

    @property
    def has_result(self) -> bool:
        return self.kind in RESULT_KINDS

    @property
    def statement(self) -> str:
        return f"{self.body}\nFORMAT {self.format}{self.rest}" if self.format else self.body

    def into(self, path: str, default_format: str) -> str:
        """The same query, writing its result to a file."""
        return f"{self.body}\nINTO OUTFILE '{path}' TRUNCATE COMPRESSION 'none' FORMAT {self.format or default_format}{self.rest}"


def query(text: str) -> Query:
    """``text`` up to its semicolon, with a FORMAT at its end set apart."""
    raw = text.encode("utf-8", "surrogateescape")
    found = []
    for token in tokens(raw):
        found.append(token)
        if token.word == ";" and not token.depth:
            break
    kind = found[0].word if found else ""
    end = found[-1].end if found else 0
    if found and found[-1].word == ";":
        end = found.pop().start
    cut = _format_at(found)
    if cut is None:
        return Query(kind, _text(raw[:end]), "", "")
    name = found[cut + 1]
    return Query(kind, _text(raw[: found[cut].start]).rstrip(), _text(name.text), _text(raw[name.end : end]))


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def _format_at(found: list[Token]) -> int | None:
    """Index of the FORMAT clause: at the end, or followed by SETTINGS alone."""
    for index in range(len(found) - 2, 0, -1):
        token, name = found[index], found[index + 1]
        if token.word == "FORMAT" and not token.depth and name.kind == "word":
            follows = found[index + 2].word if index + 2 < len(found) else ""
            return index if follows in ("", "SETTINGS") else None
    return None
