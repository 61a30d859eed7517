"""The model card of a churn model, generated from its run's facts. Pure."""

from typing import Any

from contracts.churn import FEATURES, LABEL_DAYS


def card(run_id: str, trained: dict[str, Any], evaluated: dict[str, Any], code: str) -> str:
    """Markdown; the sections follow Mitchell et al., Model Cards for Model Reporting (2019)."""
    chosen = evaluated["chosen"]
    model, found = trained["models"][chosen], evaluated["models"][chosen]
    known = trained["models"] | trained["baselines"]
    parameters = ", ".join(f"`{name}` = {value}" for name, value in model["parameters"].items())
    low, high = evaluated["roc_auc_interval"]
    economics = trained["economics"]
    metrics = "\n".join(
        f"| {known[name]['title']} | {one['roc_auc']:.3f} | {one['pr_auc']:.3f} "
        f"| {one['precision_at_top']:.1%} | {one['recall_at_top']:.1%} | {one['f1']:.3f} "
        f"| {one['brier']:.4f} | {one['profit']:,.0f} |"
        for name, one in evaluated["models"].items()
    )
    strongest = ", ".join(list(evaluated["importance"])[:8])
    return f"""# Churn: {model["title"]}

Run `{run_id}`, code `{code}`.

## Intended use
The probability that a customer who has bought before buys nothing in the {LABEL_DAYS} days after a day, for choosing whom to make
an offer. It says nothing about people who never bought, and nothing about why somebody leaves.

## Data
`marts.churn_features` at snapshot `{trained["snapshot_id"]}`, {len(FEATURES)} features known at the end of the cutoff day.
Trained on {trained["train_rows"]:,} rows of the cutoffs {", ".join(trained["train_cutoffs"])}; tested on
{evaluated["customers"]:,} customers at {evaluated["test_cutoff"]}, of whom {evaluated["churned"]:,} churned. The labels of the
training end before those of the test begin.

## Parameters
{parameters}; {trained["trials"]} draws of the search, seed {trained["seed"]}.

## Evaluation
Chosen by its ROC AUC among training customers whom it had not seen, {model["out_of_fold_roc_auc"]:.3f}, without the test.
On the test: ROC AUC {found["roc_auc"]:.3f} (95 %: {low:.3f} to {high:.3f}). Top: the {found["top"]:,} customers with the highest
probability.

| model | ROC AUC | PR AUC | precision, top | recall, top | F1 | Brier | profit, EUR |
| --- | --- | --- | --- | --- | --- | --- | --- |
{metrics}

An offer pays from {found["threshold"]:.3f} on, where a customer who stays is worth {economics["customer_value"]:g} EUR, an offer
costs {economics["offer_cost"]:g} EUR and keeps {economics["offer_success"]:.0%} of those who would leave.

## What moves it
{strongest}.

## Limits
The newest labels it learnt from are as old as the last training cutoff. Offers change who leaves: once they are made by its
scores, its labels are no longer those of customers left alone, and a group without offers is needed to judge it.
"""
