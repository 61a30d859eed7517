"""The batch steps: one list, the same values for every step, nothing from outside parsed as code."""

import subprocess
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from contracts.steps import (
    BATCH_STEPS,
    CHURN_STEPS,
    MART_STEPS,
    SEGMENT_STEPS,
    ChurnParameters,
    Step,
    Value,
    churn_day,
    frozen_churn_values,
    frozen_values,
    pipeline_day,
)

DAY = date(2026, 1, 31)


def test_values_are_frozen() -> None:
    first = frozen_values("manual__2026-01-31T08:05:13.123+00:00", DAY, None, 2, 8)
    assert first == frozen_values("manual__2026-01-31T08:05:13.123+00:00", DAY, "", 2, 8)
    assert first[Value.AS_OF] == "2026-01-31"
    assert first[Value.RUN_ID].endswith(".20260131")
    assert frozen_values("x", DAY, "2025-12-01", 2, 8)[Value.AS_OF] == "2025-12-01"


@pytest.mark.parametrize("label", ["a b", "a-b", "a_b", "A-b", "x" * 400, "ü", "; rm -rf /", "../../etc"])
def test_run_ids_are_safe_and_differ(label: str) -> None:
    others = [each for each in ("a b", "a-b", "a_b", "A-b") if each != label]
    made = frozen_values(label, DAY, None, 2, 8)[Value.RUN_ID]
    assert made not in {frozen_values(each, DAY, None, 2, 8)[Value.RUN_ID] for each in others}
    assert len(made) <= 100
    assert set(made) <= set("abcdefghijklmnopqrstuvwxyz0123456789-.")


def test_a_scheduled_run_describes_no_day_that_has_just_begun() -> None:
    midnight, monday = datetime(2026, 2, 2, tzinfo=UTC), datetime(2026, 2, 2, 4, tzinfo=UTC)
    assert pipeline_day(midnight, scheduled=True) == churn_day(monday, scheduled=True) == date(2026, 2, 1)
    assert pipeline_day(midnight + timedelta(hours=6), scheduled=True) == date(2026, 2, 2)
    assert pipeline_day(midnight, scheduled=False) == churn_day(monday, scheduled=False) == date(2026, 2, 2)


@pytest.mark.parametrize(
    ("as_of", "k_min", "k_max", "named"),
    [
        ("31.1.2026", 2, 8, "as_of"),
        ("2026-02-30", 2, 8, "as_of"),
        (None, 5, 4, "k_min=5"),
        (None, 1, 4, "k_min=1"),
        (None, 2, 99, "k_max=99"),
    ],
)
def test_unusable_values_are_named(as_of: str | None, k_min: int, k_max: int, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        frozen_values("run", DAY, as_of, k_min, k_max)


def test_churn_has_the_values_of_its_steps_and_no_others() -> None:
    values = frozen_churn_values("run", DAY, None, ChurnParameters())
    assert set(values) == {value for step in CHURN_STEPS for value in step.values}
    assert values[Value.RUN_ID] == frozen_values("run", DAY, None, 2, 8)[Value.RUN_ID]


@pytest.mark.parametrize(
    "given", [{"trials": -1}, {"customer_value": 0.0}, {"offer_cost": -1.0}, {"offer_success": 1.5}, {"margin": 0.5}]
)
def test_unusable_parameters_of_churn_are_named(given: dict) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(given))}="):
        frozen_churn_values("run", DAY, None, ChurnParameters(**given))


def test_the_two_commands_make_up_the_whole() -> None:
    assert MART_STEPS + SEGMENT_STEPS == BATCH_STEPS
    assert len({step.name for step in BATCH_STEPS}) == len(BATCH_STEPS)


def test_shell_and_argv_are_the_same_command(tmp_path: Path) -> None:
    """Values that a shell would take apart arrive whole."""
    tools = tmp_path / "too ls"
    python = tools / "venvs" / "any" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    python.chmod(0o755)
    step = Step("any", "any", ("-m", "it's", "--as-of", Value.AS_OF, Value.RUN_ID), "", 1)
    values = {Value.AS_OF: "", Value.RUN_ID: "$(touch x); `id` \"'"}
    by_shell = subprocess.run(["sh", "-c", step.shell(tools)], env=values, capture_output=True, text=True, check=True)
    by_argv = subprocess.run(step.argv(tools, values), capture_output=True, text=True, check=True)
    assert by_shell.stdout == by_argv.stdout == "-m\nit's\n--as-of\n\n$(touch x); `id` \"'\n"
