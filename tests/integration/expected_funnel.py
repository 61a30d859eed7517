"""The funnel in order and within its window, by trying every path: no ordering of ties, no greedy choice."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from expected_marts import Session, by_customer, day_of
from shop_history import MINUTE, WebEvent

from contracts.events import FUNNEL_STEPS

Path = tuple[int, ...]
"""Moments of the steps done one after the other: 1 to 4 of them."""


@dataclass(frozen=True)
class Subject:
    """A session, or a customer on a day: the views that it may start from and the events that may follow."""

    key: tuple
    views: list[WebEvent]
    events: list[WebEvent]


def paths(start: Path, events: list[WebEvent], until: int) -> Iterator[Path]:
    """The path itself and every way to go on from it."""
    yield start
    if len(start) == len(FUNNEL_STEPS):
        return
    for event in events:
        if event.event_type == FUNNEL_STEPS[len(start)] and start[-1] <= event.event_time <= until:
            yield from paths((*start, event.event_time), events, until)


def best_path(subject: Subject, window_minutes: int) -> Path:
    """The deepest, of equals the earliest."""
    window = window_minutes * MINUTE
    ways = (
        path
        for view in subject.views
        for path in paths((view.event_time,), subject.events, view.event_time + window)
    )  # fmt: skip
    return min(ways, key=lambda path: (-len(path), path))


def session_subjects(found: list[Session]) -> Iterator[Subject]:
    for session in found:
        if views := [event for event in session.events if event.event_type == "view"]:
            yield Subject((day_of(session.started_at), *session.labels), views, session.events)


def customer_subjects(found: list[Session]) -> Iterator[Subject]:
    for sessions in by_customer(found).values():
        events = [event for session in sessions for event in session.events]
        days = defaultdict(list)
        for event in events:
            if event.event_type == "view":
                days[day_of(event.event_time)].append(event)
        for day, views in days.items():
            first = min(views, key=lambda view: (view.event_time, view.event_id))
            yield Subject((day, first.device, first.country, first.channel), views, events)


def figures(subjects: Iterator[Subject], window_minutes: int) -> dict[tuple, list[int]]:
    """By day and labels: how many reached each step, then the milliseconds of each step after the first."""
    rows: dict[tuple, list[int]] = defaultdict(lambda: [0] * 7)
    for subject in subjects:
        path, row = best_path(subject, window_minutes), rows[subject.key]
        for step, moment in enumerate(path):
            row[step] += 1
            if step:
                row[3 + step] += moment - path[step - 1]
    return rows


def funnel_daily(found: list[Session], window_minutes: int) -> list[tuple]:
    started = defaultdict(list)
    for session in found:
        started[day_of(session.started_at), *session.labels].append(session)
    by_session, by_person = (
        figures(subjects, window_minutes) for subjects in (session_subjects(found), customer_subjects(found))
    )
    return [
        (
            *key, len(started[key]),
            *(sum(session.count(step) > 0 for session in started[key]) for step in FUNNEL_STEPS),
            *(sum(session.funnel_step >= step for session in started[key]) for step in range(1, len(FUNNEL_STEPS) + 1)),
            *by_session[key], *by_person[key],
        )
        for key in {*started, *by_person}
    ]  # fmt: skip
