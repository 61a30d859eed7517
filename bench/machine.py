"""What the figures were measured on."""

import os
import platform
import statistics
import timeit
from datetime import UTC, datetime
from pathlib import Path

LOOP = 1_000_000
COPIED = 64_000_000


def machine() -> dict[str, object]:
    models = [
        line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")
    ]
    memory = next(line for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemTotal"))
    return {
        "processor": models[0] if models else platform.processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(int(memory.split()[1]) / 1e6, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
    }


def moment() -> str:
    """Now, as results note when they were found, in UTC."""
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"


def speed() -> dict[str, float]:
    """How fast the machine is just then, medians of five: nanoseconds for a step of an empty loop in Python, and GB/s of
    memory that is asked for and copied to.

    Neighbours slow a rented machine down by factors, so figures are comparable only where these agree.
    """
    memory = bytearray(COPIED)
    step = statistics.median(timeit.repeat(number=LOOP, repeat=5)) / LOOP
    copy = statistics.median(timeit.repeat(lambda: bytes(memory), number=1, repeat=5))
    return {"step_ns": round(step * 1e9, 1), "copy_gb_per_second": round(COPIED / copy / 1e9, 1)}


def described(results: dict) -> str:
    """When and on what, in a sentence or two."""
    here = results["machine"]
    times = sorted(part["measured_at"] for part in results.values() if "measured_at" in part)
    when = times[0] if len(times) == 1 else f"{times[0]} to {times[-1]}"
    return f"Measured {when} on {here['cores']} cores, {here['memory_gb']} GB ({here['processor']}).{speeds(results)}"


def speeds(results: dict) -> str:
    """How far the machine's speed differed between the parts; empty where none noted it."""
    found = [part["speed"] for part in results.values() if "speed" in part]
    if not found:
        return ""
    steps, copies = (sorted(each[name] for each in found) for name in ("step_ns", "copy_gb_per_second"))
    return f" A loop in Python took {steps[0]} to {steps[-1]} ns a step; memory was copied at {copies[0]} to {copies[-1]} GB/s."
