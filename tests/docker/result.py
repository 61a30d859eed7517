"""What the last run found: docs/docker.json, and the table that docs/docker.md shows of it."""

import json
from pathlib import Path

from bench.machine import machine, moment
from bench.readme import rendered
from contracts.settings import ROOT

RESULT = ROOT / "docs" / "docker.json"
DOCUMENT = ROOT / "docs" / "docker.md"


def keep(name: str, value: object, result: Path = RESULT, document: Path = DOCUMENT) -> None:
    """One finding; those of tests that did not run stay as they were, each with the time of its own."""
    found = json.loads(result.read_text()) if result.exists() else {}
    here = machine()
    found["machine"] = {key: here[key] for key in ("processor", "cores", "memory_gb")}
    found[name] = {"value": value, "measured_at": moment()}
    result.write_text(json.dumps(found, indent=2) + "\n")
    document.write_text(rendered(document.read_text(), table(found)))


def table(found: dict) -> str:
    here = found["machine"]
    lines = [f"On {here['cores']} cores, {here['memory_gb']} GB ({here['processor']}).", "", "| what | found | when |"]
    lines += ["| --- | --- | --- |"]
    lines += [f"| {name} | {each['value']} | {each['measured_at']} |" for name, each in found.items() if name != "machine"]
    return "\n".join(lines) + "\n"
