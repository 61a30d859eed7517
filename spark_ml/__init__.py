"""Models over the lake's frozen features; results go to Iceberg, the warehouse and a report, under the run id.

python -m spark_ml.segments --run-id R --k-min 2 --k-max 8
python -m spark_ml.write_back --run-id R
python -m spark_ml.report --run-id R
"""
