"""Which carts were abandoned, and why: XGBoost over finished sessions with a cart.

python -m lakehouse.export --run-id R --as-of D --mart cart_sessions
python -m spark_ml.carts.abandonment --run-id R
python -m spark_ml.write_back --run-id R --results carts
python -m spark_ml.carts.session --session S
"""
