"""Models in MLflow: tracked runs, registered versions, and which of them is the champion.

python -m spark_ml.registry.rollback --model churn
"""
