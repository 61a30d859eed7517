"""The page of a gate: every expectation, those that are not met first."""

from collections.abc import Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from spark_ml.quality.expectations import Finding, unmet

PAGE = Path(__file__).with_name("page.html")


def page(title: str, run_id: str, source: dict[str, Any], findings: Sequence[Finding]) -> str:
    bad = unmet(findings)
    return Template(PAGE.read_text()).substitute(
        title=escape(title),
        verdict="stopped" if bad else "passed",
        run_id=escape(run_id),
        source=escape(source["identifier"]),
        snapshot_id=source["snapshot_id"],
        rows=f"{source['rows']:,}",
        count=len(findings),
        unmet=len(bad),
        findings="".join(map(_row, sorted(findings, key=lambda finding: finding.met))),
    )


def _row(finding: Finding) -> str:
    state, word = ("met", "met") if finding.met else ("unmet", "not met")
    return (
        f"<tr><td class={state}>{word}</td><td>{escape(finding.subject)}</td><td>{escape(finding.expectation)}</td>"
        f"<td>{escape(finding.detail)}</td></tr>"
    )
