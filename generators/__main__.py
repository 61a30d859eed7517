"""Command line: history, live, web_events, purchases, replay."""

import argparse
import math
import sys
from datetime import UTC, datetime
from pathlib import Path

from contracts.settings import SettingsError, settings
from contracts.topics import PURCHASES, STREAMS, WEB, Stream
from generators import history, replay, stream
from generators.send import SendError
from generators.shop import ShopError

DEMO_CUSTOMERS, DEMO_MONTHS = 5_000, 12


def _number(text: str, kind: type, low: float, what: str) -> float | int | None:
    """None for an empty string: a make variable that was not given."""
    if not text.strip():
        return None
    try:
        value = kind(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not {what}") from None
    if not (math.isfinite(value) and value >= low):
        raise argparse.ArgumentTypeError(f"{text!r} is not {what}")
    return value


def positive(text: str) -> int | None:
    return _number(text, int, 1, "a whole number above 0")


def seed(text: str) -> int | None:
    return _number(text, int, 0, "a whole number of 0 or more")


def seconds(text: str) -> float | None:
    value = _number(text, float, 0, "a number of seconds above 0")
    if value == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return value


def rate(text: str) -> float | None:
    """Events a second; 0, max or nothing: as fast as it goes."""
    if text.strip().lower() == "max":
        return None
    return _number(text, float, 0, "a number of events a second, or max") or None


def share(text: str) -> float | None:
    return _number(text, float, 0, "a factor of 0 or more")


def shape(text: str) -> str:
    name = text.strip() or "steady"
    if name not in ("steady", "daily"):
        raise argparse.ArgumentTypeError(f"{text!r} is neither steady nor daily")
    return name


def instant(text: str) -> datetime | None:
    if not text.strip():
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not an ISO date or time") from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if not datetime(1990, 1, 1, tzinfo=UTC) <= moment <= datetime.now(UTC):
        raise argparse.ArgumentTypeError(f"{text!r} is not between 1990 and now")
    return moment.astimezone(UTC)


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="python -m generators", description="Simulated events and real files to Kafka.")
    modes = top.add_subparsers(dest="mode", required=True)
    simulated = argparse.ArgumentParser(add_help=False)
    simulated.add_argument("--seed", type=seed, default=1, help="same seed, same shop (default 1)")
    simulated.add_argument("--dirt", type=share, default=1.0, help="factor on every rate of dirt; 0 sends clean data (default 1)")
    timed = argparse.ArgumentParser(add_help=False)
    timed.add_argument("--rate", type=rate, default=1_000.0, help="events a second; 0 or max: as fast as it goes")
    timed.add_argument("--shape", type=shape, default="steady", help="steady, or daily: busy by day, quiet by night")
    timed.add_argument("--seconds", type=seconds, help="stop after so long")
    timed.add_argument("--events", type=positive, help="stop after so many events")

    past = modes.add_parser("history", parents=[simulated], help="customers to Postgres, their past events to Kafka")
    past.add_argument("--customers", type=positive, default=DEMO_CUSTOMERS)
    past.add_argument("--months", type=positive, default=DEMO_MONTHS)
    past.add_argument("--until", type=instant, help="end of the window, ISO; default now")
    modes.add_parser("live", parents=[simulated, timed], help="both streams, now, of the same customers")
    modes.add_parser("web_events", parents=[simulated, timed], help="web events only")
    modes.add_parser("purchases", parents=[simulated, timed], help="purchases only")
    real = modes.add_parser("replay", help="a CSV file, plain or gzip, through the same topics")
    real.add_argument("file", metavar="FILE")
    real.add_argument("--format", required=True, help=", ".join(replay.FORMATS))
    return top


def simulate_live(mode: str, streams: tuple[Stream, ...], given: argparse.Namespace) -> None:
    """The remembered world of this seed; without one a world of the default size that ends now."""
    now = datetime.now(UTC)
    plan = history.read_plan(settings().truth)
    number = 1 if given.seed is None else given.seed
    if plan is None or plan.seed != number:
        plan = history.make_plan(settings().truth, number, DEMO_CUSTOMERS, DEMO_MONTHS, None, now)
    limits = stream.Limits(given.rate, given.events, given.seconds, given.shape == "daily")
    stream.run(settings(), mode, plan, streams, limits, number, _or(given.dirt, 1.0))


def _or(value, default):
    return default if value is None else value


def main(arguments: list[str]) -> int:
    given = parser().parse_args(arguments)
    try:
        match given.mode:
            case "history":
                history.run(
                    settings(), _or(given.seed, 1), _or(given.customers, DEMO_CUSTOMERS), _or(given.months, DEMO_MONTHS),
                    given.until, datetime.now(UTC), _or(given.dirt, 1.0),
                )  # fmt: skip
            case "live":
                simulate_live("live", STREAMS, given)
            case "web_events":
                simulate_live("web_events", (WEB,), given)
            case "purchases":
                simulate_live("purchases", (PURCHASES,), given)
            case "replay":
                replay.run(settings(), Path(given.file), given.format)
    except (SettingsError, SendError, ShopError, replay.ReplayError) as error:
        print(f"generators {given.mode}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"generators {given.mode}: stopped", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
