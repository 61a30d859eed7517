"""``python -m verify``: wait until nothing moves, check every invariant, name every difference. Exit code 1 if one is red.

A check that cannot be made is red as well, and the others are made all the same.
"""

import json
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import psycopg
import requests
from confluent_kafka import KafkaException
from rich.console import Console
from rich.table import Table

from contracts.settings import SettingsError, settings
from runner.display import console as terminal
from verify.conservation import conservation, dead_letters, redelivery
from verify.lake import lake
from verify.marts import marts
from verify.result import Result
from verify.settle import UnsettledError, settle
from verify.slot import slot
from verify.stream import replication, stream

Check = Callable[[], Result]
# A check mostly waits for a store, each for another one.
AT_ONCE = 3


def checks() -> dict[str, Check]:
    """By the name of the invariant."""
    return {
        "I1": lambda: conservation(settings().truth / "ledger"), "I2": stream, "I3": replication, "I4": redelivery, "I5": marts,
        "I6": lake, "I7": dead_letters, "I8": slot,
    }  # fmt: skip


def run(tell: Callable[[str], None]) -> list[Result]:
    """UnsettledError where events still flow after the deadline."""
    settle(tell=tell)
    found, named = [], checks()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for result, seconds in pool.map(timed, named, named.values()):
            tell(f"{result.name} {'holds' if result.holds else 'DOES NOT HOLD'}: {result.title} ({seconds:.1f} s)")
            found.append(result)
    (settings().var / "verify.json").write_text(
        json.dumps([vars(result) | {"holds": result.holds} for result in found], indent=2)
    )
    return found


def timed(name: str, check: Check) -> tuple[Result, float]:
    """What the check found, red where it failed itself, and its seconds."""
    began = time.monotonic()
    try:
        result = check()
    except Exception as error:
        result = Result(name, "could not be checked")
        result.differ(f"{type(error).__name__}: {error}")
    return result, time.monotonic() - began


def show(results: Sequence[Result], console: Console) -> None:
    table = Table("", "invariant", "figures", show_lines=True)
    for result in results:
        sign = "[green]holds[/green]" if result.holds else f"[red]{result.differing} differences[/red]"
        figures = "\n".join(
            f"{name} {value:,}" if isinstance(value, int) else f"{name} {value}" for name, value in result.figures.items()
        )
        table.add_row(sign, f"{result.name} {result.title}", figures)
    console.print(table)
    for result in results:
        for difference in result.differences:
            console.print(f"{result.name}: {difference}", style="red", markup=False, highlight=False)


def main() -> int:
    console = terminal()
    try:
        with console.status("") as status:
            results = run(lambda text: status.update(text) if console.is_terminal else print(text, flush=True))
    except (UnsettledError, SettingsError, psycopg.Error, KafkaException, requests.RequestException) as error:
        print(f"verify: {error}", file=sys.stderr)
        return 1
    show(results, console)
    return 0 if all(result.holds for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
