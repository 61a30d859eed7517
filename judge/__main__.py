"""``make truth``: recovered against planted; 1 where intervals miss too often, a lift by too much, or a model knows too much.

Writes VAR_DIR/judge/truth.json beside what it prints.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict

import pandas as pd
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError
from sklearn.metrics import adjusted_rand_score

from contracts.experiments import CONTROL
from contracts.settings import SettingsError, settings
from judge import churn, recovered
from judge.experiments import Lift, far_off, lifts
from judge.interval import CONFIDENCE
from judge.parameters import Recovered, allowed_misses, recover
from judge.planted import MixedError, Planted, planted
from lakehouse.errors import LakeError


def tell(line: str, not_judged: list[str]) -> None:
    print(line)
    not_judged.append(line)


def judge_parameters(client: Client, truth: Planted, not_judged: list[str]) -> tuple[list[Recovered], list[str]]:
    """What was recovered, and complaints; ``not_judged`` takes the models that the purchases do not bear."""
    until = min(truth.until, recovered.newest_purchase(client))
    found = list(recover(truth, recovered.orders(client, until), until, lambda line: tell(line, not_judged)))
    print(f"{'segment':<16}{'parameter':<11}{'planted':>10}{'estimate':>10}   {CONFIDENCE:.0%} interval")
    for one in found:
        interval = f"{one.low:.3f} to {one.high:.3f}{'  missed' if one.missed else ''}"
        print(f"{one.segment:<16}{one.parameter:<11}{one.planted:>10.3f}{one.estimate:>10.3f}   {interval}")
    if not found:
        return [], ["parameters: no segment has enough buyers, over long enough, to be judged"]
    return found, too_many(found)


def judge_experiments(client: Client, truth: Planted, not_judged: list[str]) -> tuple[list[Lift], list[str]]:
    """Lifts and complaints. Who came live, with whom nothing is planted, takes part in what goes on after the history."""
    results = recovered.experiment_results(client)
    if recovered.newest_purchase(client) > truth.until:
        for name in sorted(truth.unfinished):
            tell(f"{name}: not judged, a live stream takes part in it since {truth.until:%Y-%m-%d %H:%M}", not_judged)
        results = results[~results["experiment"].isin(truth.unfinished)]
    found = list(lifts(truth, results, recovered.exposed_controls(client, CONTROL)))
    if not found:
        print("experiments: none has started, or nobody came")
        return [], []
    for one in found:
        interval = f"{one.low:.3f} to {one.high:.3f}{'  missed' if one.missed else ''}"
        print(f"{one.experiment:<18}{one.metric:<12}{one.planted:>7.3f}{one.estimate:>10.3f}   {interval}")
    wrong = [
        f"{one.experiment}: {one.metric} of {one.variant} is {one.estimate:.3f} more and not {one.planted:.3f}, by no chance"
        for one in far_off(found)
    ]
    print(f"lifts of experiments: {sum(one.missed for one in found)} of {len(found)} intervals miss, {len(wrong)} by no chance")
    return found, wrong


def too_many(found: Sequence[Recovered]) -> list[str]:
    """A complaint where more intervals miss than chance explains."""
    missed, allowed = sum(one.missed for one in found), allowed_misses(len(found))
    print(f"parameters: {missed} of {len(found)} intervals miss; up to {allowed} may")
    wrong = f"parameters: {missed} of {len(found)} intervals miss what was planted, up to {allowed} may"
    return [wrong] if missed > allowed else []


def judge_churn(client: Client, people: pd.DataFrame, not_judged: list[str]) -> tuple[dict[str, object], list[str]]:
    evaluation = recovered.newest_evaluation(client)
    if evaluation.empty:
        print("churn: no run yet, `make churn`")
        return {}, []
    chosen = evaluation[evaluation["chosen"] == 1].iloc[0]
    model, cutoff = str(chosen["model"]), pd.Timestamp(chosen["cutoff_day"]).date()
    try:
        found = churn.ceiling(people, recovered.tested(str(chosen["run_id"]), model, cutoff), model, cutoff)
    except LakeError as error:
        tell(f"churn: not judged, {error}", not_judged)
        return {}, []
    gone = churn.against_the_gone(people, recovered.newest_scores(client))
    print(f"churn: {found.model} has ROC AUC {found.auc:.3f} at {cutoff}; the best possible is {found.best:.3f}")
    print(f"churn: today's scores against who has really left: ROC AUC {gone:.3f}")
    wrong = (
        [f"churn: ROC AUC {found.auc:.3f} is too near the ceiling of {found.best:.3f}: do the features leak?"]
        if found.leaks
        else []
    )
    return {**asdict(found), "against_the_gone": gone}, wrong


def judge_segments(client: Client, people: pd.DataFrame) -> dict[str, float]:
    segments = recovered.newest_segments(client)
    if segments.empty:
        print("segments: no run yet, `make segments`")
        return {}
    both = segments.merge(people[["customer_id", "segment"]], on="customer_id")
    found = float(adjusted_rand_score(both["segment"].astype(str), both["segment_name"]))
    print(f"segments: adjusted Rand index {found:.3f} against the planted ones, {len(both):,} customers")
    return {"adjusted_rand": found, "customers": len(both)}


def main() -> int:
    try:
        truth = planted()
        if truth is None:
            print(f"truth: nothing was simulated here ({settings().truth}): run `make demo` first", file=sys.stderr)
            return 1
        client = recovered.warehouse()
        not_judged: list[str] = []
        parameters, missed = judge_parameters(client, truth, not_judged)
        experiments, wrong_lifts = judge_experiments(client, truth, not_judged)
        of_churn, leaks = judge_churn(client, truth.customers, not_judged)
        segments = judge_segments(client, truth.customers)
    except (ClickHouseError, LakeError, MixedError, OSError, SettingsError) as error:
        print(f"truth: {str(error).splitlines()[0]}", file=sys.stderr)
        return 1
    target = settings().var / "judge" / "truth.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    intervals = {
        name: [asdict(one) | {"missed": one.missed} for one in found]
        for name, found in (("parameters", parameters), ("experiments", experiments))
    }
    wrong = [*missed, *wrong_lifts, *leaks]
    found = intervals | {"not_judged": not_judged, "churn": of_churn, "segments": segments, "wrong": wrong}
    target.write_text(json.dumps(found, indent=2) + "\n")
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
