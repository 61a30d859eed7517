"""The models' results against what the simulator planted: ``python -m judge``. No part of the pipeline; it alone may look."""
