"""``python -m runner up | status | logs [PART] | env``"""

import argparse
import signal
import sys

from rich.table import Table

from contracts.settings import SettingsError
from runner import env, logs, stack, status
from runner.display import Progress, console
from runner.service import StackError
from runner.services import services

LINE_CHARACTERS = 240


def main() -> None:
    parser = argparse.ArgumentParser(prog="runner", description="Start and watch the stack; `python3 -m runner.stop` stops it.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("up", help="start the stack").add_argument("parts", nargs="*", help="only these and what they depend on")
    commands.add_parser("status", help="health, port and memory of each part")
    commands.add_parser("logs", help="last lines of the logs").add_argument("part", nargs="?")
    commands.add_parser("env", help="write the secrets that the env file lacks")
    arguments = parser.parse_args()
    # Ended from outside or by Ctrl-C: either way a start takes back what it began.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        sys.exit(run(arguments))
    except stack.PartError as error:
        print(error, *(f"  {line[:LINE_CHARACTERS]}" for line in error.lines), sep="\n", file=sys.stderr)
        print("What this start began has been stopped again.", file=sys.stderr)
    except (StackError, SettingsError) as error:
        print(error, file=sys.stderr)
    except KeyboardInterrupt:
        sys.exit("interrupted: what was started has been stopped")
    sys.exit(1)


def run(arguments: argparse.Namespace) -> int:
    """Exit code of a command."""
    match arguments.command:
        case "up":
            up(arguments.parts or None)
        case "status":
            return status.show()
        case "logs":
            logs.show(arguments.part, list(services()))
        case "env":
            env.main()
    return 0


def up(names: list[str] | None) -> None:
    with Progress(console()) as progress:
        stack.up(names, progress.tell)
    if names is None:
        print_pages()


def print_pages() -> None:
    table = Table("page", "address", "login", box=None, pad_edge=False)
    for row in stack.pages():
        table.add_row(*row)
    console().print(table)


if __name__ == "__main__":
    main()
