"""Who will buy nothing in the next 90 days: from frozen features to a registered model and scores, step by step.

python -m lakehouse.export --run-id R --as-of D --mart churn_features
python -m spark_ml.churn.gate --run-id R
python -m spark_ml.churn.train --run-id R
python -m spark_ml.churn.evaluate --run-id R
python -m spark_ml.churn.register --run-id R
python -m spark_ml.churn.score --run-id R
python -m spark_ml.write_back --run-id R --results churn

Each step may run again; each finds what it needs under VAR_DIR/runs/R.
"""
