"""Fitted models on the object store: ``models/<model>/<run-id>/``."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from minio import Minio
from minio.deleteobjects import DeleteObject
from pyspark.ml import PipelineModel

from lakehouse.errors import LakeError


def prefix(model: str, run_id: str) -> str:
    return f"models/{model}/{run_id}/"


def upload(store: Minio, bucket: str, model: str, run_id: str, fitted: PipelineModel, shared: str = "") -> str:
    """Save to a folder, then replace what an earlier attempt of the run left; the address.

    Spark has no file system for s3:// of its own here, hence the detour. ``shared``: where executors of other machines, which
    write the files, have the driver's folder. LakeError where they have not, or the store refuses.
    """
    target = prefix(model, run_id)
    with tempfile.TemporaryDirectory(dir=shared or None) as folder:
        fitted.write().overwrite().save(Path(folder).as_uri())
        files = list(_files(Path(folder)))
        # Executors that wrote elsewhere leave the driver its mark of success alone.
        if not any(path.name.startswith("part-") for path in files):
            raise LakeError(f"the model is not in {folder}: SPARK_SHARED_DIR must name a folder that driver and executors share")
        _remove(store, bucket, target)
        for path in files:
            store.fput_object(bucket, target + path.relative_to(folder).as_posix(), str(path))
    return f"s3://{bucket}/{target}"


def _files(folder: Path) -> Iterator[Path]:
    """All but the check sums that Spark leaves beside each local file."""
    return (path for path in sorted(folder.rglob("*")) if path.is_file() and not path.name.endswith(".crc"))


def _remove(store: Minio, bucket: str, target: str) -> None:
    old = (DeleteObject(one.object_name) for one in store.list_objects(bucket, prefix=target, recursive=True))
    for error in store.remove_objects(bucket, old):
        raise LakeError(f"removing s3://{bucket}/{error.name}: {error.message}")
