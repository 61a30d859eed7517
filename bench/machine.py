"""What the figures were measured on."""

import os
import platform
from datetime import UTC, datetime
from pathlib import Path


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


def described(results: dict) -> str:
    """When and on what, in a sentence."""
    here = results["machine"]
    times = sorted(part["measured_at"] for part in results.values() if "measured_at" in part)
    when = times[0] if len(times) == 1 else f"{times[0]} to {times[-1]}"
    return f"Measured {when} on {here['cores']} cores, {here['memory_gb']} GB ({here['processor']})."
