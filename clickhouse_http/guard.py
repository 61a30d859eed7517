"""What neither account may say, judged on the engine's own reading of a statement.

``formatQuerySingleLine`` parses with the engine's parser, refuses several statements at once, drops comments and spells keywords
in one way, so that a check of its tokens cannot be talked around.
"""

from clickhouse_http.accounts import Caller
from clickhouse_http.errors import ACCESS_DENIED, READONLY, SUPPORT_IS_DISABLED, ServerError
from clickhouse_http.statements import Token, tokens


def _names(text: str) -> frozenset[str]:
    return frozenset(text.upper().split())


READING_KINDS = _names("SELECT WITH ( FROM SHOW DESCRIBE DESC EXPLAIN EXISTS SET USE CHECK")
WRITING_KINDS = _names(
    "INSERT CREATE REPLACE ALTER DROP DETACH ATTACH RENAME EXCHANGE TRUNCATE UNDROP OPTIMIZE DELETE UPDATE KILL SYSTEM"
)
# Table functions that stay inside the engine; all others of this engine are refused, known or not.
TABLE_FUNCTIONS = _names(
    """
    numbers numbers_mt zeros zeros_mt primes generateSeries generate_series generateRandom values SQLStandardValues null
    format view viewIfPermitted viewExplain merge loop dictionary mergeTreeIndex mergeTreeProjection fuzzJSON fuzzQuery
    """
)
# Functions that no grant covers and that read files, run programs or call other hosts.
FUNCTIONS = _names(
    """
    file catboostEvaluate evalMLMethod disk showCertificate
    aiClassify aiEmbed aiExtract aiFilter aiGenerate aiRedact aiSimilarity aiTranslate
    """
)
ENGINES = _names("Memory Log TinyLog StripeLog Null Set Join Buffer Merge View MaterializedView GenerateRandom Alias Atomic")
# Where a name in front of a bracket is that of a table with its columns.
TABLE_NAME_AFTER = {
    "INSERT": ("INTO", "."),
    "CREATE": ("TABLE", "VIEW", "EXISTS", "."),
    "REPLACE": ("TABLE", "."),
}


def check(statement: str, caller: Caller, get_request: bool, table_functions: frozenset[str]) -> str:
    """Refuse what a canonical statement may not do; returns its first keyword."""
    found = list(tokens(statement.encode()))
    kind = found[0].word if found else ""
    _check_kind(kind, found, caller, get_request)
    check_functions(statement, table_functions)
    if kind in ("CREATE", "REPLACE", "ATTACH"):
        _check_engines(found)
    return kind


def check_functions(statement: str, table_functions: frozenset[str]) -> None:
    """Refuse files, and functions that reach outside of the engine."""
    found = list(tokens(statement.encode()))
    kind = found[0].word if found else ""
    forbidden = (table_functions - TABLE_FUNCTIONS) | FUNCTIONS
    for before, token, after in zip([None, *found], found, found[1:], strict=False):
        if token.word in ("OUTFILE", "INFILE") and after.kind == "string":
            raise ServerError(ACCESS_DENIED, f"{token.word} is not allowed: rows travel in the HTTP body")
        names_table = before is not None and before.word in TABLE_NAME_AFTER.get(kind, ())
        if after.word == "(" and _name(token) in forbidden and not names_table:
            raise ServerError(ACCESS_DENIED, f"Function {token.text.decode()} is not allowed")


def check_external(statement: str, table_functions: frozenset[str]) -> None:
    """Refuse whatever makes an external table more than columns in memory: who may only read sends these as well."""
    check_functions(statement, table_functions)
    found = list(tokens(statement.encode()))
    columns_end = next((place for place, token in enumerate(found) if token.word == ")" and not token.depth), 0)
    if [token.word for token in found[columns_end + 1 :]] != ["ENGINE", "=", "MEMORY"]:
        raise ServerError(ACCESS_DENIED, "The structure of an external table is a list of columns and nothing else")


def _check_kind(kind: str, found: list[Token], caller: Caller, get_request: bool) -> None:
    if kind not in READING_KINDS and caller.reads_only:
        raise ServerError(READONLY, f"{caller.user}: Cannot execute query in readonly mode.")
    if kind not in READING_KINDS and get_request:
        raise ServerError(
            READONLY,
            f"{caller.user}: Cannot execute query in readonly mode. For queries over HTTP, method GET implies readonly."
            " You should use method POST for modifying queries.",
        )
    if kind not in READING_KINDS | WRITING_KINDS:
        raise ServerError(SUPPORT_IS_DISABLED, f"{kind} statements are not supported")
    if [_name(token) for token in found[:3]] == ["DROP", "DATABASE", "DEFAULT"]:
        raise ServerError(ACCESS_DENIED, "The database default stays: sessions start in it")
    if kind == "SET" and len(found) > 1 and found[1].word in ("ROLE", "DEFAULT"):
        raise ServerError(SUPPORT_IS_DISABLED, "Roles are not supported")


def _check_engines(found: list[Token]) -> None:
    """Tables and databases live in this engine alone."""
    for token, sign, name in zip(found, found[1:], found[2:], strict=False):
        engine = _name(name)
        if token.word == "ENGINE" and sign.word == "=" and not (engine in ENGINES or engine.endswith("MERGETREE")):
            raise ServerError(ACCESS_DENIED, f"ENGINE = {name.text.decode()} is not allowed")


def _name(token: Token) -> str:
    return token.text.decode("utf-8", "replace").strip('`"').upper() if token.kind in ("word", "quoted") else ""
